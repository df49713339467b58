"""Threads, signals, forks and the end of the interpreter."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from typing import Any, Callable

import pytest

import xpkce

# CPython 3.12 and newer warn of every fork of a process that has threads.
UNWARNED = ["-W", "ignore:This process (pid="]


def in_child(call: Any) -> Any:
    """Runs `call` in a fork of this process and returns what it returns."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            writer.send(call())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    writer.close()
    assert reader.poll(20), "the child did not answer"
    try:
        return reader.recv()
    finally:
        assert os.waitpid(child, 0)[1] == 0


def held(x: Any, call: Callable[[], object]) -> threading.Thread:
    """Calls in another thread what refreshes, and returns once its request is held up at X."""
    x.hold()
    asked = x.when_asked()
    waiting = threading.Thread(target=call)
    waiting.start()
    asked.join()
    return waiting


def test_others_run_while_one_waits(x, ours, signed_in):
    auth = signed_in(ours)
    waiting = held(x, auth.refresh_token)
    turns = [bool(auth.access_token) and not auth.is_token_expired() for _ in range(1000)]
    assert waiting.is_alive() and all(turns)
    x.let_go()
    waiting.join()


def test_every_attribute_is_read_while_one_waits(x, ours, signed_in):
    auth = signed_in(ours)
    waiting = held(x, auth.refresh_token)
    names = ["base_url", "client_id", "scope", "token", "code_verifier", "oauth2_session"]
    assert all(getattr(auth, name) is not None or name == "code_verifier" for name in names)
    assert auth.get_authorization_url()
    auth.scope = "tweet.read"
    assert waiting.is_alive()
    x.let_go()
    waiting.join()
    assert x.whoami(auth.access_token) == 200


def test_many_threads_use_one_object(x, ours, signed_in):
    auth, failures = signed_in(ours), []

    def use() -> None:
        try:
            for _ in range(10):
                auth.get_authorization_url()
                auth.refresh_token()
                assert auth.access_token and not auth.is_token_expired()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert failures == [] and not any(thread.is_alive() for thread in threads)
    assert x.counters()["replays"] == 0
    assert x.whoami(auth.access_token) == 200


def test_a_token_set_during_a_refresh_is_not_replaced(x, ours, signed_in):
    auth = signed_in(ours)
    answers: list[Any] = []
    waiting = held(x, lambda: answers.append(auth.refresh_token()))
    auth.token = {"access_token": "mine"}
    x.let_go()
    waiting.join()
    assert auth.access_token == "mine"
    assert x.whoami(answers[0]["access_token"]) == 200


def test_a_fork_refreshes(x, ours, signed_in):
    auth = signed_in(ours)
    status = in_child(lambda: x.whoami(auth.refresh_token()["access_token"]))
    assert status == 200


def test_a_fork_finishes_a_sign_in(x, ours):
    auth = ours(**x.settings())
    callback = x.approve(auth.get_authorization_url())
    assert in_child(lambda: x.whoami(auth.fetch_token(callback)["access_token"])) == 200


def test_a_fork_during_a_refresh_has_a_working_object(x, ours, signed_in):
    auth = signed_in(ours)
    waiting = held(x, lambda: said(auth.refresh_token))
    # The child's request lets the parent's go first, which spends the token of both.
    came = in_child(lambda: (bool(auth.get_authorization_url()), said(auth.refresh_token)))
    assert came == (True, "token_rejected")
    waiting.join()
    assert x.whoami(auth.access_token) == 200


def said(call: Any) -> str:
    try:
        call()
    except xpkce.XpkceError as error:
        return error.reason
    return "done"


def test_workers_of_a_prefork_server_sign_in_on_their_own(x, ours, signed_in):
    signed_in(ours)  # The parent's threads and connections are there.

    def work() -> int:
        auth = ours(**x.settings(confidential=False))
        auth.fetch_token(x.approve(auth.get_authorization_url()))
        return x.whoami(auth.refresh_token()["access_token"])

    assert [in_child(work) for _ in range(3)] == [200, 200, 200]


def test_ctrl_c_ends_the_wait_and_the_pair_is_kept(x, ours, signed_in):
    auth = signed_in(ours)
    first = auth.access_token
    x.hold()
    x.when_asked(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        auth.refresh_token()
    assert auth.access_token == first, "it came back before the answer"
    x.let_go()
    x.until(lambda: auth.access_token != first)
    assert x.whoami(auth.access_token) == 200
    assert x.counters()["refreshes"] == 1


def test_a_refresh_in_a_signal_handler_goes_on_with_the_one_it_interrupted(x, ours, signed_in):
    auth, answers = signed_in(ours), []

    def handle(*_: Any) -> None:
        threading.Thread(target=x.let_go).start()
        answers.append(auth.refresh_token())

    x.hold()
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        x.when_asked(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        answers.append(auth.refresh_token())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(answers) == 2 and answers[0] is answers[1]
    assert x.counters()["refreshes"] == 1 and x.whoami(auth.access_token) == 200


def test_ctrl_c_in_a_signal_handlers_refresh_ends_both_waits(x, ours, signed_in):
    auth = signed_in(ours)
    first = auth.access_token
    x.hold()

    def handle(*_: Any) -> None:
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
        auth.refresh_token()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        x.when_asked(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(KeyboardInterrupt):
            auth.refresh_token()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert auth.access_token == first, "it came back before the answer"
    x.let_go()
    x.until(lambda: auth.access_token != first)
    assert x.counters()["refreshes"] == 1 and x.whoami(auth.access_token) == 200


@pytest.mark.parametrize("daemon", [True, False])
def test_the_interpreter_ends_while_a_refresh_is_under_way(x, ours, signed_in, daemon):
    token = signed_in(ours).token
    x.fault("refresh", {"kind": "slow"}, delay_ms=500)
    program = f"""
import sys, threading
from xpkce.oauth2_auth import OAuth2PKCEAuth
auth = OAuth2PKCEAuth(token={token!r}, **{x.settings()!r})
threading.Thread(target=auth.refresh_token, daemon={daemon}).start()
sys.stdin.read()
"""
    assert x.ends_while_asking(program) == (0, b"")


def test_an_object_is_freed(ours):
    class Sub(ours):
        pass

    auth = Sub(client_id="id", token={"access_token": "a"})
    auth.itself, auth.token["owner"] = auth, auth
    auth.get_authorization_url()
    there = weakref.ref(auth)
    del auth
    gc.collect()
    assert there() is None


def test_objects_and_calls_leave_no_memory_behind(wire, ours):
    def use() -> None:
        auth = ours(wire.base_url, client_id="id", token={"refresh_token": "r"})
        auth.get_authorization_url()
        auth.refresh_token()
        auth.exchange_code("c", "v" * 43)
        wire.requests.clear()

    def resident() -> int:
        gc.collect()
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4

    [use() for _ in range(30)]
    before = resident()
    [use() for _ in range(100)]
    assert resident() - before < 4096, "kilobytes"


def test_objects_share_one_thread(wire, ours):
    auths = [ours(wire.base_url, client_id="id", redirect_uri="u") for _ in range(20)]
    for auth in auths:
        auth.exchange_code("c", "v" * 43)
    names = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm") as comm:
            names.append(comm.read().strip())
    assert names.count("xpkce-auth") == 1


def test_the_interpreter_ends_while_results_are_on_their_way(tmp_path):
    """Threads that want the GIL at that moment, to tell a loop that is gone, may crash CPython."""
    program = f"""
import asyncio, xpkce

async def life():
    keeper = xpkce.AsyncKeeper({str(tmp_path / "logins.db")!r}, client_id="an-id")
    calls = [asyncio.ensure_future(keeper.logins()) for _ in range(200)]
    await calls[0]
    [call.cancel() for call in calls]

asyncio.run(life())
"""
    # One in five crashed when the end did not wait for them.
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(16)]
    assert [process.wait(60) for process in running] == [0] * 16


@pytest.mark.parametrize("calls", [1, 2])
def test_an_async_keeper_is_used_after_the_package_has_ended(tmp_path, calls):
    """What was registered with `atexit` before the import runs after the package's own."""
    program = f"""
import asyncio, atexit

async def last():
    assert await asyncio.gather(*[keeper.logins() for _ in range({calls})]) == [[]] * {calls}
    await keeper.close()

atexit.register(lambda: asyncio.run(last()))
import xpkce
keeper = xpkce.AsyncKeeper({str(tmp_path / "logins.db")!r}, client_id="an-id")
"""
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(12)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert ended == [(b"", 0)] * 12


def test_a_subinterpreter_is_refused_and_breaks_nothing():
    """What is made once would be of that interpreter, and end with it."""
    program = """if True:
        try:
            import _interpreters as interpreters
            create = lambda: interpreters.create("legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            create = lambda: interpreters.create(isolated=False)
        sub = create()
        load = "import xpkce\\nexcept ImportError as why: print('main interpreter' in str(why))"
        interpreters.run_string(sub, "try: " + load)
        interpreters.destroy(sub)
        import xpkce
        print(xpkce.OAuth2PKCEAuth(token={"expires_at": 1}).is_token_expired())
    """
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout.split() == ["True", "True"]
