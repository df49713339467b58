"""The emulator that comes with the package."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest

import xpkce
from xpkce import OAuth2PKCEAuth
from xpkce.emulator import Emulator

COMMAND = [sys.executable, "-m", "xpkce.emulator"]


def answers(base_url: str) -> bool:
    where = urllib.parse.urlsplit(base_url)
    assert where.hostname and where.port
    try:
        socket.create_connection((where.hostname, where.port), 5).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


def signed_in(x: Emulator) -> OAuth2PKCEAuth:
    app = next(app for app in x.apps if app["client_secret"] is None)
    auth = OAuth2PKCEAuth(
        base_url=x.base_url,
        authorization_base_url=x.authorization_base_url,
        client_id=app["client_id"],
        redirect_uri=app["redirect_uris"][0],
        scope=["tweet.read", "users.read", "offline.access"],
    )
    auth.fetch_token(authorization_response=approved(auth.get_authorization_url()))
    return auth


def status_of(url: str, access_token: str | None) -> int:
    headers = {"Authorization": f"Bearer {access_token}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(urllib.request.Request(url, headers=headers))
    return refused.value.code


def approved(url: str) -> str:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    with pytest.raises(urllib.error.HTTPError) as redirect:
        opener.open(url)
    return redirect.value.headers["location"]


def test_a_program_signs_in_and_refreshes_until_the_block_ends() -> None:
    with Emulator() as x:
        auth = signed_in(x)
        before = auth.access_token
        auth.refresh_token()
        assert auth.access_token != before
        assert x.read("counters")["refreshes"] == 1
        assert answers(x.base_url)
    assert not answers(x.base_url)
    x.stop()


def test_faults_are_scripted_and_time_is_moved() -> None:
    with Emulator(auto_approve="ada_example") as x:
        auth = signed_in(x)
        fault = {"kind": "status", "status": 503, "body": "empty"}
        x.control("fault", endpoint="refresh", fault=fault, times=2)
        with pytest.raises(xpkce.InDoubtError):
            auth.refresh_token()
        x.control("advance", seconds=7201)
        assert status_of(f"{x.base_url}/2/users/me", auth.access_token) == 401
        with pytest.raises(ValueError, match="no-such-verb"):
            x.control("no-such-verb")
        with pytest.raises(ValueError, match="no_such_answer"):
            x.control(
                "fault", endpoint="refresh", fault={"kind": "odd", "answer": "no_such_answer"}
            )


def test_what_cannot_start_says_why() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"port {port}.*in use"):
            Emulator(port=port)
    with pytest.raises(RuntimeError, match="no user has this name"):
        Emulator(auto_approve="nobody_here")
    with pytest.raises(ValueError, match="names nobody"):
        Emulator(auto_approve="")


def test_it_does_not_outlive_a_program_that_is_killed() -> None:
    program = (
        "import os, signal; from xpkce.emulator import Emulator; x = Emulator();"
        "print(x.base_url, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    until = time.monotonic() + 30
    while answers(killed.stdout.strip()):
        assert time.monotonic() < until


def test_a_forked_child_neither_ends_it_nor_keeps_it() -> None:
    mine, its = socket.socketpair()
    x = Emulator()
    child = os.fork()
    if child == 0:
        try:
            mine.close()
            x.stop()
            # Popen itself would not signal what is no child of this process, and let go of it.
            assert x._process.stdin is not None
            its.sendall(b"-" if x._process.stdin.closed else b"x")
            its.recv(1)
        finally:
            os._exit(0)
    try:
        mine.settimeout(20)
        assert mine.recv(1) == b"x"
        assert answers(x.base_url)
        ending = threading.Thread(target=x.stop, daemon=True)
        ending.start()
        ending.join(20)
        assert not ending.is_alive() and not answers(x.base_url)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        mine.close()
        its.close()


def test_ctrl_c_of_a_terminal_is_for_who_started_it() -> None:
    with Emulator() as x:
        assert os.getsid(x._process.pid) != os.getsid(0)


def test_threads_may_end_it_together() -> None:
    x = Emulator()
    together = threading.Barrier(4)

    def stop(_: int) -> None:
        together.wait(30)
        x.stop()

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(stop, range(4))) == [None] * 4
    assert not answers(x.base_url)


def test_it_is_found_where_the_program_found_the_package(tmp_path: pathlib.Path) -> None:
    for name in ("xpkce", "argparse"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('a file of the program')")
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; from xpkce.emulator import Emulator;"
        "x = Emulator(); print(x.apps[0]['name']); x.stop()"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0 and ran.stdout, ran.stderr


# Ignored is how a shell's `&` starts it. Whoever pauses until a handler has run waits for ever
# then, and, now and then, when the signal comes just before the pause.
@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_for_people_it_runs_until_it_is_ended(before: Any, ending: int) -> None:
    with subprocess.Popen(
        COMMAND,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=lambda: signal.signal(ending, before),
    ) as running:
        assert running.stdout and running.stderr
        try:
            assert "stand-in for X" in running.stdout.readline()
            assert "Ctrl-C" in running.stderr.readline()
            running.send_signal(ending)
            running.wait(30)
        finally:
            running.kill()
        assert running.returncode == 0 and "client_id" in running.stdout.read()


def test_until_input_ends_a_signal_ends_it_without_a_word() -> None:
    with subprocess.Popen(
        [*COMMAND, "--json", "--until-input-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout and running.stderr
        try:
            assert running.stdout.readline()
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == -signal.SIGINT
        finally:
            running.kill()
        assert running.stderr.read() == ""
