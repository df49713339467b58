"""Forks at any moment: the child works, and never waits for a thread that it has not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from browser import get, visit
from test_process import UNWARNED, held, in_child, said

from xpkce import Keeper

FIRST_REQUEST = """
import os, signal, sys, threading
from xpkce.oauth2_auth import OAuth2PKCEAuth

def request():
    auth = OAuth2PKCEAuth(sys.argv[1], client_id="id", token={"refresh_token": "r"})
    return auth.refresh_token()["access_token"]

def work():
    signal.alarm(25)  # A child that hangs is killed by it.
    code = 1
    try:
        code = 0 if request() == "an-access-token" else 2
    finally:
        os._exit(code)

first = threading.Thread(target=request)
first.start()
children = []
while len(children) < 12:
    child = os.fork()
    if child == 0:
        work()
    children.append(child)
first.join()
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_children_forked_during_the_first_request_make_their_own(wire):
    """The first request reads the system's certificates: that takes a while, behind a lock."""
    command = [sys.executable, *UNWARNED, "-c", FIRST_REQUEST, wire.base_url]
    for _ in range(4):
        ended = subprocess.run(command, timeout=120, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")
    assert len(wire.requests) == 4 * 13


def test_a_fork_does_not_wait_for_a_refresh_nor_end_a_login(x, keeper, settings, callback):
    """What is under way goes on in the parent, and the child opens the store by itself."""
    keeper.access_token()
    refreshed: list[str] = []
    refreshing = held(x, lambda: refreshed.append(keeper.refresh()))
    shown: list[str] = []
    is_shown, logins = threading.Event(), []

    def show(url: str) -> None:
        shown.append(url)
        is_shown.set()

    with Keeper(**settings | {"redirect_uri": callback()}) as other:
        signing_in = threading.Thread(target=lambda: logins.append(other.login(show=show)))
        signing_in.start()
        assert is_shown.wait(20)
        names = in_child(lambda: [login.username for login in keeper.logins()])
        assert names == ["ada_example"]
        assert refreshing.is_alive() and signing_in.is_alive()
        x.let_go()
        refreshing.join(30)
        assert x.whoami(refreshed[0]) == 200
        visit(x.approve(shown[0]))
        signing_in.join(30)
    assert [login.username for login in logins] == ["ada_example"]


def test_a_dead_parent_is_seen_to_be_dead_though_its_child_lives(x, keeper, settings):
    """The file that shows a holder alive is locked: a child must not go on holding that lock."""
    settings = settings | {"store": str(settings["store"])}
    program = f"""
import os, sys, threading, xpkce
keeper = xpkce.Keeper(**{settings!r})
keeper.access_token()
threading.Thread(target=keeper.refresh, daemon=True).start()
sys.stdin.readline()
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.readline()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    x.fault("refresh", {"kind": "slow"}, delay_ms=300_000)
    asked = x.when_asked()
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin and parent.stdout
    try:
        asked.join()
        parent.stdin.write("fork\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "forked\n"
        parent.wait(20)
        # Whoever believed it alive would wait for its lease, ninety seconds.
        done: list[Any] = []
        refreshing = threading.Thread(target=lambda: done.append(keeper.refresh()), daemon=True)
        refreshing.start()
        refreshing.join(45)
        assert done and x.whoami(done[0]) == 200
    finally:
        parent.stdin.close()
        parent.stdout.close()


def test_many_threads_fork_and_refresh_at_once(wire, ours):
    """Several forks near at the same time, while requests come and go."""
    auths = [ours(wire.base_url, client_id="id", token={"refresh_token": "r"}) for _ in range(3)]
    stop, failures = threading.Event(), []

    def requests_on(auth: Any) -> None:
        try:
            while not stop.is_set():
                auth.token = {"refresh_token": "r"}
                auth.refresh_token()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    def forks() -> None:
        try:
            for _ in range(5):
                auth = ours(wire.base_url, client_id="id", token={"refresh_token": "r"})
                assert in_child(lambda: auth.refresh_token()["access_token"]) == "an-access-token"
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=requests_on, args=(auth,)) for auth in auths]
    forking = [threading.Thread(target=forks) for _ in range(2)]
    [thread.start() for thread in threads + forking]
    [thread.join(120) for thread in forking]
    stop.set()
    [thread.join(60) for thread in threads]
    assert failures == []
    assert not any(thread.is_alive() for thread in threads + forking)


def test_a_sign_in_begun_before_a_fork_during_a_refresh_is_finished_in_the_child(
    x, ours, signed_in
):
    auth = signed_in(ours)
    callback = x.approve(auth.get_authorization_url())
    # The child's sign-in ends the parent's token.
    waiting = held(x, lambda: said(auth.refresh_token))
    assert in_child(lambda: bool(auth.fetch_token(callback)["access_token"]))
    assert waiting.is_alive()
    x.let_go()
    waiting.join()


def test_a_signal_handler_that_forks_has_a_parent_that_goes_on(x, ours, signed_in):
    auth, children = signed_in(ours), []
    x.hold()

    def fork(*_: Any) -> None:
        children.append(os.fork())
        if children[0]:
            threading.Thread(target=x.let_go).start()

    before = signal.signal(signal.SIGUSR1, fork)
    caller = os.getpid()
    try:
        x.when_asked(lambda: os.kill(caller, signal.SIGUSR1))
        try:
            token = auth.refresh_token()["access_token"]
        except RuntimeError:
            os._exit(0 if os.getpid() != caller else 1)
        if os.getpid() != caller:
            os._exit(2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert os.waitpid(children[0], 0)[1] == 0
    assert x.whoami(token) == 200


@pytest.mark.parametrize("waits", [False, True])
def test_a_child_leaves_the_port_of_a_login_to_its_parent(x, settings, callback, waits):
    """It has a copy of the socket: the next sign-in would find the port busy while it lives."""
    uri, children = callback(), []
    reader, writer = os.pipe()

    def fork_and_approve(url: str) -> None:
        if waits:
            assert get(f"{uri}/elsewhere") == 404  # It is answered.
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        children.append(child)
        threading.Thread(target=lambda: visit(x.approve(url))).start()

    def show(url: str) -> None:
        if waits:
            threading.Thread(target=fork_and_approve, args=(url,)).start()
        else:
            fork_and_approve(url)

    try:
        with Keeper(**settings | {"redirect_uri": uri}) as keeper:
            for _ in range(2):
                assert keeper.login(show=show, timeout=20).username == "ada_example"
    finally:
        os.close(writer)
        codes = [os.waitpid(child, 0)[1] for child in children]
        os.close(reader)
    assert codes == [0, 0]
