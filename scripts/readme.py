"""Runs the README's shell snippets as written, against the emulator and in a home of its own.

Every block marked `sh` is run, in order, in one shell that stops at the first failure. One that cannot
run here says why in a comment on the line before it: `<!-- not run: it takes a browser -->`.
The blocks marked `rust` are compiled and run as tests of the documentation.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"(?:<!-- not run: (?P<why>.+?) -->\n)?```sh\n(?P<code>.*?)```", re.DOTALL)
ROOT = Path(__file__).resolve().parent.parent
XPKCE = ROOT / "target" / "release" / "xpkce"


def main():
    blocks = list(BLOCK.finditer(Path(sys.argv[1]).read_text()))
    if not blocks:
        sys.exit(f"{sys.argv[1]} has no block marked `sh`")
    script = []
    for block in blocks:
        if block["why"]:
            print(f"-- not run, {block['why']}:\n{block['code']}", flush=True)
        else:
            script.append(block["code"])
    with tempfile.TemporaryDirectory() as home:
        # Dies with its standard input, or when it is killed below.
        emulator = subprocess.Popen(
            [XPKCE, "emulator", "--auto-approve", "--json"], stdout=subprocess.PIPE, text=True
        )
        try:
            env = environment(Path(home), json.loads(emulator.stdout.readline()))
            run = ["bash", "-euo", "pipefail", "-x"]
            done = subprocess.run(
                run, input="\n".join(script), env=env, cwd=ROOT, text=True, timeout=600
            )
        finally:
            emulator.kill()
            emulator.wait()
    sys.exit(done.returncode)


def environment(home, emulator):
    """Settings of a person who has an app, at the emulator instead of at X."""
    app = next(it for it in emulator["apps"] if it["client_secret"] is None)
    opener = home / "browser"
    opener.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/scripts/open.py" "$1"\n')
    opener.chmod(0o755)
    keep = ["PATH", "CARGO_HOME", "RUSTUP_HOME", "LANG"]
    env = {name: os.environ[name] for name in keep if name in os.environ}
    # Cargo and rustup live in the real home unless they are told otherwise.
    env.setdefault("CARGO_HOME", str(Path.home() / ".cargo"))
    env.setdefault("RUSTUP_HOME", str(Path.home() / ".rustup"))
    env["PATH"] = f"{XPKCE.parent}:{env['PATH']}"
    return env | {
        "HOME": str(home),
        "BROWSER": str(opener),
        "XPKCE_CLIENT_ID": app["client_id"],
        "XPKCE_BASE_URL": emulator["base_url"],
        "XPKCE_AUTHORIZATION_BASE_URL": emulator["authorization_base_url"],
    }


if __name__ == "__main__":
    main()
