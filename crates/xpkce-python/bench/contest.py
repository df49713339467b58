"""Ours and X's own class, side by side: each measured in turn, in one run, on one machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import timeit
from typing import Any, Callable, NamedTuple

MODULES = {"ours": "xpkce.oauth2_auth", "reference": "xdk.oauth2_auth"}


class Contest(NamedTuple):
    """What was measured: seconds for each side, and the ratio that is promised."""

    name: str
    ours: float
    reference: float
    at_least: float
    at_most_seconds: float | None = None

    @property
    def ratio(self) -> float:
        return self.reference / self.ours

    @property
    def holds(self) -> bool:
        is_fast = self.at_most_seconds is None or self.ours <= self.at_most_seconds
        return self.ratio >= self.at_least and is_fast


def imports(runs: int) -> Contest:
    """A new interpreter each time; what is timed is the import statement alone."""
    program = (
        "import time\nbegan = time.perf_counter()\nimport {}\nprint(time.perf_counter() - began)"
    )

    def once(side: str) -> float:
        command = [sys.executable, "-c", program.format(MODULES[side])]
        return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    ours, reference = in_turn(once, runs)
    return Contest("import", ours, reference, at_least=15, at_most_seconds=0.025)


def urls(make: dict[str, Any], runs: int) -> Contest:
    """A new sign-in each time: state, pair and URL."""
    settings = {"client_id": "id", "redirect_uri": "http://127.0.0.1:8080/callback", "scope": "a b"}
    auths = {side: make[side](**settings) for side in MODULES}

    def once(side: str) -> float:
        if side == "reference":  # It makes one pair and reuses it for ever.
            auths[side].code_verifier = None
        return loop(auths[side].get_authorization_url, 500)

    ours, reference = in_turn(once, runs, min)
    return Contest("authorization URL", ours, reference, at_least=20)


def reads(make: dict[str, Any], runs: int) -> Contest:
    """What is done before every call of the API."""
    token = {"access_token": "a", "token_type": "bearer", "expires_at": time.time() + 7200}
    auths = {side: make[side](client_id="id", token=dict(token)) for side in MODULES}

    def once(side: str) -> float:
        auth = auths[side]
        return loop(lambda: (auth.access_token, auth.is_token_expired()), 20_000)

    ours, reference = in_turn(once, runs, min)
    return Contest("access_token + is_token_expired()", ours, reference, at_least=1)


def exchanges(x: Any, make: dict[str, Any], runs: int) -> Contest:
    """The token request alone, over loopback; the approval is not timed."""

    def once(side: str) -> float:
        auth = make[side](**x.settings())
        callback = x.approve(auth.get_authorization_url())
        return clock(lambda: auth.fetch_token(callback))

    ours, reference = in_turn(once, runs)
    return Contest("exchange", ours, reference, at_least=3)


def refreshes(x: Any, make: dict[str, Any], runs: int) -> Contest:
    """A rotation over loopback, one after the other with one object."""

    def signed_in(side: str) -> Any:
        auth = make[side](**x.settings())
        auth.fetch_token(x.approve(auth.get_authorization_url()))
        return auth

    times = {}
    for side in MODULES:  # One after the other: X keeps one login for each app and user.
        auth = signed_in(side)
        times[side] = statistics.median(clock(auth.refresh_token) for _ in range(runs))
    return Contest("refresh", times["ours"], times["reference"], at_least=3)


def in_turn(
    once: Callable[[str], float],
    runs: int,
    of: Callable[[list[float]], float] = statistics.median,
) -> tuple[float, float]:
    """One figure of each side, the median; the least where only the processor is timed.

    They take turns, so that a busy machine is busy for both.
    """
    times: dict[str, list[float]] = {side: [] for side in MODULES}
    for _ in range(runs):
        for side, taken in times.items():
            taken.append(once(side))
    return of(times["ours"]), of(times["reference"])


def loop(call: Callable[[], object], number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=3)) / number


def clock(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
