"""Listens to everything that the process of a test says, and fails on a token: what is printed, by
it or by a child of it, what is logged, and what it warns of."""

from __future__ import annotations

import io
import logging
from typing import Iterator

import pytest

# How the emulator's tokens and codes end and its secrets begin, and the tokens that `wire` answers.
MARKS = ["OmF0OjE", "OnJ0OjE", "OmFjOjE", "fake-secret-", "an-access-token", "a-refresh-token"]


def fail_on_a_token(said: str) -> None:
    for line in said.splitlines():
        assert not any(mark in line for mark in MARKS), f"a token is in what was said: {line}"


@pytest.fixture(autouse=True)
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger().addHandler(handler)
    # Of others what they log by themselves: X's own class logs tokens to who asks for its details.
    ours = logging.getLogger("xpkce")
    level = ours.level
    ours.setLevel(logging.DEBUG)
    yield
    ours.setLevel(level)
    logging.getLogger().removeHandler(handler)
    for said in [logged.getvalue(), *capfd.readouterr()]:
        fail_on_a_token(said)


def pytest_warning_recorded(warning_message: object) -> None:
    """Ends the whole run: pytest tells of warnings when the test that has them is over."""
    fail_on_a_token(str(warning_message))
