"""A real prefork server: gunicorn, with the application loaded before its workers are forked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from typing import Any

import gunicorn
from browser import visit

APPLICATION = """
import json, os, threading
import xpkce
from xpkce.oauth2_auth import OAuth2PKCEAuth

SETTINGS = json.loads(os.environ["SETTINGS"])
keeper = xpkce.Keeper(**SETTINGS)
keeper.access_token()  # The master's store, threads and connections are there when it forks.
first = OAuth2PKCEAuth(os.environ["WIRE"], client_id="id", token={"refresh_token": "r"})
threading.Thread(target=first.refresh_token).start()

def application(environ, start_response):
    auth = OAuth2PKCEAuth(os.environ["WIRE"], client_id="id", token={"refresh_token": "r"})
    body = json.dumps({
        "worker": os.getpid(),
        "token": keeper.rejected(keeper.access_token()) if "refresh" in environ["PATH_INFO"]
        else keeper.access_token(),
        "wire": auth.refresh_token()["access_token"],
    }).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
"""


def test_gunicorn_workers_share_a_keeper_that_was_open_before_they_were_forked(
    x, wire, keeper, settings, tmp_path
):
    (tmp_path / "app.py").write_text(APPLICATION)
    environ = os.environ | {
        "SETTINGS": json.dumps(settings | {"store": str(settings["store"])}),
        "WIRE": wire.base_url,
    }
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--threads", "2"]
    command += ["--bind", "127.0.0.1:0", "app:application"]
    if gunicorn.version_info >= (25, 1):
        command.append("--no-control-socket")
    server = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    try:
        url = listening_at(server, said)
        rest = threading.Thread(target=said.extend, args=(server.stderr,))
        rest.start()
        answers = [get(url) for _ in range(12)]
        assert {answer["wire"] for answer in answers} == {"an-access-token"}
        assert {x.whoami(answer["token"]) for answer in answers} == {200}
        killed = answers[0]["worker"]
        os.kill(killed, signal.SIGKILL)  # The master forks another.
        renewed = get(f"{url}/refresh")["token"]
        assert x.whoami(renewed) == 200
    finally:
        server.terminate()
        assert server.wait(60) == 0
    assert x.counters()["replays"] == 0
    rest.join()
    assert not [line for line in said if "Traceback" in line or "TIMEOUT" in line], said


def listening_at(server: Any, said: list[str]) -> str:
    """Returns its address, which it writes to its log once it listens."""
    for line in server.stderr:
        said.append(line)
        found = re.search(r"Listening at: (http://\S+)", line)
        if found:
            return found[1]
    raise AssertionError(said)


def get(url: str) -> Any:
    return json.loads(visit(url))
