"""Follows the README from `pip install` to a refreshed token, and prints how long that takes.

python tests/newcomer.py WHEEL

The wheel stands for `pip install ./crates/xpkce-python` without its Rust build. The README's first
Python runs as it is written, but for the ports, in an interpreter of its own, against the emulator
that came with the package; the browser is one that allows the app. Fails after two minutes.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from documented import IN_README, README, free_callback
from emulator import Emulator

LIMIT = 120.0
BROWSER = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"


def snippet(x: Emulator, callback: str) -> str:
    code = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)[0]
    code = code.replace(IN_README[0], x.base_url.removeprefix("http://"))
    return code.replace('    "logins.db",\n', f'    "logins.db",\n    redirect_uri={callback!r},\n')


def install(wheel: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Returns the interpreter of a new environment that has the wheel alone."""
    subprocess.run([sys.executable, "-m", "venv", "new"], cwd=folder, check=True)
    python = folder / "new/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    subprocess.run(pip, check=True, timeout=LIMIT)
    return python


def follow(python: pathlib.Path, folder: pathlib.Path, x: Emulator) -> None:
    browser = folder / "browser"
    browser.write_text(f"#!{sys.executable}\n{BROWSER}\n")
    browser.chmod(0o700)
    program = folder / "first.py"
    program.write_text(snippet(x, free_callback(x)))
    environ = os.environ | {"BROWSER": f"{browser} %s", "NO_PROXY": "127.0.0.1"}
    subprocess.run([python, program.name], cwd=folder, env=environ, check=True, timeout=LIMIT)


def main() -> int:
    wheel = pathlib.Path(sys.argv[1]).resolve()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        python = install(wheel, folder)
        x = Emulator(python)
        try:
            follow(python, folder, x)
            seconds = time.monotonic() - began
            counters = x.counters()
        finally:
            x.stop()
    assert counters["exchanges"] == 1 and counters["refreshes"] == 1, counters
    print(f"from pip install to a refreshed token: {seconds:.1f} s")
    return 0 if seconds < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
