"""Measures xpkce against xdk 0.10.6, and fails when a promised ratio does not hold.

The short form has few turns and runs on machines that do other work too: it shows the same table,
and fails only when a ratio is missed by half.

python bench/run.py [--short] [--json]

Needs both packages. The server is the emulator that comes with ours.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

# The reference refuses plain HTTP and another order of scopes without these.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"
os.environ["NO_PROXY"] = "127.0.0.1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

import contest  # noqa: E402
import xdk.oauth2_auth  # noqa: E402
from emulator import Emulator  # noqa: E402

import xpkce.oauth2_auth  # noqa: E402


def main() -> int:
    is_short = "--short" in sys.argv
    make = {
        "ours": xpkce.oauth2_auth.OAuth2PKCEAuth,
        "reference": xdk.oauth2_auth.OAuth2PKCEAuth,
    }
    x = Emulator()
    try:
        contests = [
            contest.imports(5 if is_short else 15),
            contest.urls(make, 7 if is_short else 25),
            contest.exchanges(x, make, 40 if is_short else 200),
            contest.refreshes(x, make, 60 if is_short else 300),
            contest.reads(make, 7 if is_short else 25),
        ]
    finally:
        x.stop()
    if "--json" in sys.argv:
        print(json.dumps([it._asdict() | {"ratio": it.ratio} for it in contests]))
    else:
        table(contests)
    slack = 0.5 if is_short else 1.0
    return 0 if all(it.ratio >= it.at_least * slack for it in contests) else 1


def table(contests: list[contest.Contest]) -> None:
    print(f"{'':34} {'xpkce':>12} {'xdk':>12} {'ratio':>8} {'promised':>9}")
    for it in contests:
        ours, reference = (f"{seconds * 1e6:,.1f} us" for seconds in (it.ours, it.reference))
        end = "" if it.holds else "  MISSED"
        line = f"{it.name:34} {ours:>12} {reference:>12} {it.ratio:>8.1f} {it.at_least:>9}"
        print(line + end)


if __name__ == "__main__":
    sys.exit(main())
