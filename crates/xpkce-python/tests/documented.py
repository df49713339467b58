"""Runs the examples in the docstrings of the package, and the README as a newcomer would."""

from __future__ import annotations

import builtins
import contextlib
import doctest
import importlib
import io
import os
import pathlib
import re
import sys
import tempfile
import threading
import urllib.request
from typing import Any

from emulator import Emulator
from ports import free_port

MODULES = [
    "xpkce",
    "xpkce.emulator",
    "xpkce.errors",
    "xpkce.keeper",
    "xpkce.login",
    "xpkce.oauth2_auth",
]
README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
IN_README = ("127.0.0.1:8800", "127.0.0.1:8080")


def docstrings() -> int:
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner()
    for name in MODULES:
        for test in finder.find(importlib.import_module(name), name):
            runner.run(test)
    failed, tried = runner.summarize(verbose=False)
    print(f"{tried - failed} of {tried} examples in docstrings hold")
    return failed if tried else 1


def readme() -> None:
    """The Python of the README, in its order, with other ports and a user who allows everything."""
    x = Emulator()
    try:
        callback = free_callback(x)
        code = "\n".join(re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S))
        code = code.replace(IN_README[0], x.base_url.removeprefix("http://"))
        code = code.replace('"http://127.0.0.1:8080/callback"', repr(callback))
        code = code.replace(
            '    "logins.db",\n', f'    "logins.db",\n    redirect_uri={callback!r},\n'
        )
        play(x, code)
        assert x.counters()["refreshes"] == 1 and x.counters()["exchanges"] == 2, x.counters()
    finally:
        x.stop()
    print("the README's Python runs")


def free_callback(x: Emulator) -> str:
    uri = f"http://127.0.0.1:{free_port()}/callback"
    client_id = x.app(confidential=False)["client_id"]
    x.control("register-redirect", client_id=client_id, redirect_uri=uri)
    return uri


def play(x: Emulator, code: str) -> None:
    """Runs the code; the user follows the last URL that was printed."""
    import webbrowser

    shown = io.StringIO()

    def browse(url: str) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        threading.Thread(target=opener.open, args=(url,), daemon=True).start()
        return True

    def paste(words: str) -> str:
        return x.approve(re.findall(r"http://\S+", shown.getvalue())[-1])

    os.environ["BROWSER"] = "the one above"
    webbrowser.open = browse  # type: ignore[assignment]
    names: dict[str, Any] = {"__name__": "readme"}
    asked, builtins.input = builtins.input, paste  # type: ignore[assignment]
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(code, str(README), "exec"), names)
        names["keeper"].close()
    finally:
        builtins.input = asked


def main() -> int:
    failed = docstrings()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        readme()
        os.chdir("/")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
