"""Runs the README's commands as written, against the emulator and in a home of its own.

Every line after `$ ` in a block marked `console` is run, in order, in one shell that stops at the first
failure. The block marked `rust` is compiled with the snippets of the library's documentation.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "crates/xpkce-python/tests"))

from ports import free_port  # noqa: E402

XPKCE = ROOT / "target" / "release" / "xpkce"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)

# What is run elsewhere, or would run itself.
ELSEWHERE = {
    "./test": "this is it",
    "cargo install": "the section `release` builds the same binary",
    "pip install ./crates/xpkce-python": "the section `python` builds and installs it",
    "cargo run --release -- demo": "the section `demo`",
}


def main():
    commands = [
        line.removeprefix("$ ")
        for block in BLOCK.findall(Path(sys.argv[1]).read_text())
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    script = []
    for command in commands:
        elsewhere = [why for what, why in ELSEWHERE.items() if command.startswith(what)]
        print(f"-- {command}" + "".join(f" (not here: {why})" for why in elsewhere), flush=True)
        if not elsewhere:
            script.append(command)
    if not script:
        sys.exit(f"{sys.argv[1]} has no command to run")
    with tempfile.TemporaryDirectory() as home:
        sys.exit(run("\n".join(script), Path(home)))


def run(script, home):
    emulator = subprocess.Popen(
        [XPKCE, "emulator", "--auto-approve", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told = json.loads(emulator.stdout.readline())
        app = next(it for it in told["apps"] if it["client_secret"] is None)
        script = script.replace("YOUR_CLIENT_ID", app["client_id"])
        shell = ["bash", "-euo", "pipefail", "-x", "-c", script]
        done = subprocess.run(
            shell,
            stdin=subprocess.DEVNULL,
            env=environment(home, told) | {"XPKCE_REDIRECT_URI": free_callback(told, app)},
            cwd=home,
            timeout=300,
        )
        return done.returncode
    finally:
        emulator.kill()
        emulator.wait()


def free_callback(emulator, app):
    """Registers a callback on a port that nobody has: 8080 may be taken."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback"
    body = {"client_id": app["client_id"], "redirect_uri": redirect_uri}
    request = urllib.request.Request(
        emulator["control_url"] + "/register-redirect",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=20).read()
    return redirect_uri


def environment(home, emulator):
    """That of a person whose X is the emulator, and whose browser approves."""
    opener = home / "browser"
    opener.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/scripts/open.py" "$1"\n')
    opener.chmod(0o755)
    return {
        "PATH": f"{XPKCE.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "BROWSER": str(opener),
        "DISPLAY": ":0",
        "XPKCE_BASE_URL": emulator["base_url"],
        "XPKCE_AUTHORIZATION_BASE_URL": emulator["authorization_base_url"],
    }


if __name__ == "__main__":
    main()
