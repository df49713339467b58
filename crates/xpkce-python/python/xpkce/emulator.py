"""X on this machine: a strict stand-in for its authorization server, for trying and for tests.

``python -m xpkce.emulator`` runs it for people, ``Emulator`` for tests. It listens on 127.0.0.1
alone and keeps everything in memory; its apps, users and secrets are made up.

>>> from xpkce.emulator import Emulator
>>> with Emulator() as x:
...     x.base_url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Optional, TypedDict

__all__ = ["App", "Emulator", "User"]


class App(TypedDict):
    """A registered app. The secret of a public one is ``None``."""

    client_id: str
    client_secret: Optional[str]
    name: str
    redirect_uris: list[str]
    api_key: str
    api_secret: str


class User(TypedDict):
    """Somebody with an account at X."""

    id: str
    name: str
    username: str


class Emulator:
    """An emulator in a process of its own, until ``stop`` or the end of ``with``, and no longer
    than the process that started it.

    Args:
        port: where it listens; 0 takes a free port.
        auto_approve: who allows every sign-in at once: a username, or ``True`` for the first user.
            With ``False`` the consent page asks.

    Raises:
        RuntimeError: it does not start: the port is taken, or there is no such user.
        ValueError: the username is empty.
    """

    def __init__(self, *, port: int = 0, auto_approve: bool | str = True) -> None:
        if auto_approve == "":
            raise ValueError("auto_approve names nobody")
        # Found where this one was found: `-m` would look into the working folder first.
        found = [folder for folder in sys.path if isinstance(folder, str)]
        program = f"import sys; sys.path[:] = {found!r}; import xpkce.emulator as it; it._main()"
        command = [sys.executable, "-c", program, "--json", "--until-input-ends", f"--port={port}"]
        if auto_approve is not False:
            command.append(f"--auto-approve={'' if auto_approve is True else auto_approve}")
        self._owner = os.getpid()
        # In a session of its own: Ctrl-C is for who started it.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, said = self._process.communicate()
            raise RuntimeError(said.strip() or "the emulator does not start")
        summary = json.loads(line)
        self.base_url: str = summary["base_url"]
        self.authorization_base_url: str = summary["authorization_base_url"]
        #: Where the verbs are that script faults, move the clock and tell what happened.
        self.control_url: str = summary["control_url"]
        self.apps: list[App] = summary["apps"]
        self.users: list[User] = summary["users"]

    def __repr__(self) -> str:
        return f"<Emulator {self.base_url}>"

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def control(self, verb: str, **body: object) -> Any:
        """Does one of the control verbs, and returns what it answers. ``GET`` on ``control_url``
        lists them all. ``x.control("advance", seconds=7200)`` moves X's clock, and no keeper's.

        Raises:
            ValueError: there is no such verb, or what it is given is wrong.
        """
        return self._ask(verb, json.dumps(body).encode())

    def read(self, verb: str) -> Any:
        """Returns what one of the control verbs tells, such as ``x.read("counters")``.

        Raises:
            ValueError: there is no such verb.
        """
        return self._ask(verb, None)

    def _ask(self, verb: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.control_url}/{verb}", body, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refused:
            with refused:
                raise ValueError(f"{verb}: {refused.read().decode()}") from None

    def stop(self) -> None:
        """Ends it. Any thread may, and more than once; in a forked child it does nothing."""
        if os.getpid() != self._owner:
            return
        # Its input does not end while a forked child has the other end of it.
        with self._process:
            self._process.terminate()


def _main() -> int:
    import argparse
    import signal

    from ._native import Emulating

    parser = argparse.ArgumentParser(
        prog="python -m xpkce.emulator",
        description="Run a local stand-in for X's authorization server, on 127.0.0.1 alone and in"
        " memory, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes a free one")
    parser.add_argument(
        "--auto-approve",
        metavar="USERNAME",
        nargs="?",
        const="",
        help="approve every sign-in at once, as this user or the first",
    )
    parser.add_argument(
        "--json", action="store_true", help="say where it is in one line of JSON on standard output"
    )
    parser.add_argument(
        "--until-input-ends", action="store_true", help="end when standard input does"
    )
    asked = parser.parse_args()
    # A Ctrl-C just before a wait for Python's handler would be lost. So none has one: it ends this
    # at once, or is held back in every thread until the wait for it.
    if asked.until_input_ends:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        emulating = Emulating(asked.port, asked.auto_approve)
    except (OSError, OverflowError) as why:
        parser.exit(2, f"the emulator cannot have port {asked.port}: {why}\n")
    except ValueError as why:
        parser.exit(2, f"the emulator does not start: {why}\n")
    print(emulating.json() if asked.json else emulating.text(), flush=True)
    if asked.until_input_ends:
        sys.stdin.buffer.read()
    else:
        print("Press Ctrl-C to stop.", file=sys.stderr)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(_main())
