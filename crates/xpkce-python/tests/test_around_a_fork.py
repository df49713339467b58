"""What others do around a fork may call us: nobody else would let that call go on."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from test_process import UNWARNED

AROUND = """
import asyncio, os, signal, sys, threading
call = None

def around():
    if call is not None:
        call()

# Before xpkce registers its own: between that and the fork, or between the fork and that.
os.register_at_fork(**{{sys.argv[1]: around}})
import xpkce
from xpkce.oauth2_auth import OAuth2PKCEAuth

keeper = xpkce.Keeper(**{settings!r})
keeper.logins()
signal.alarm(30)  # Whoever hangs is killed by it.
{body}
child = os.fork()
call = None
is_well = len(keeper.logins()) == 1 and bool(keeper.refresh())
if child == 0:
    os._exit(0 if is_well else 1)
sys.exit(os.waitpid(child, 0)[1] != 0 or not is_well)
"""


def around_a_fork(where: str, settings: dict[str, Any], body: str) -> tuple[int, str]:
    program = AROUND.format(settings=settings | {"store": str(settings["store"])}, body=body)
    command = [sys.executable, *UNWARNED, "-c", program, where]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("where", ["before", "after_in_parent", "after_in_child"])
def test_what_is_registered_around_a_fork_calls_the_keeper(keeper, settings, where):
    body = "call = keeper.refresh"
    assert around_a_fork(where, settings, body) == (0, "")


@pytest.mark.parametrize("where", ["before", "after_in_parent"])
def test_a_refresh_in_a_signal_handler_around_a_fork_goes_on(
    x, keeper, settings, ours, signed_in, where
):
    token = signed_in(ours, confidential=False).token
    body = f"""
auth = OAuth2PKCEAuth(token={token!r}, **{x.settings(confidential=False)!r})
signal.signal(signal.SIGUSR1, lambda *_: auth.refresh_token())
call = lambda: signal.raise_signal(signal.SIGUSR1)
"""
    assert around_a_fork(where, settings, body) == (0, "")
    assert x.whoami(token["access_token"]) == 401  # It was refreshed.


def test_an_async_keeper_is_called_before_a_fork(keeper, settings):
    body = f"""
other = xpkce.AsyncKeeper(**{settings | {"store": str(settings["store"])}!r})

async def last():
    await other.refresh()
    # Not until the fork is held to be over.
    await asyncio.wait_for(other.close(), 3)

call = lambda: asyncio.run(last())
"""
    assert around_a_fork("before", settings, body) == (0, "")


def test_a_thread_that_is_waited_for_before_a_fork_refreshes(x, keeper, settings, ours, signed_in):
    """Nobody knows that the one that forks waits for it: the fork is held to be over."""
    token = signed_in(ours, confidential=False).token
    body = f"""
auth = OAuth2PKCEAuth(token={token!r}, **{x.settings(confidential=False)!r})

def call():
    refreshing = threading.Thread(target=auth.refresh_token)
    refreshing.start()
    refreshing.join()
"""
    assert around_a_fork("before", settings, body) == (0, "")
    assert x.whoami(token["access_token"]) == 401  # It was refreshed.


def test_a_signal_handler_around_a_fork_forks(keeper, settings):
    body = """
def fork(*_):
    global call
    call = keeper.refresh
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0

signal.signal(signal.SIGUSR1, fork)
call = lambda: signal.raise_signal(signal.SIGUSR1)
"""
    assert around_a_fork("before", settings, body) == (0, "")


def test_ctrl_c_is_answered_while_another_thread_forks(x, signed_in, ours):
    auth = signed_in(ours)
    program = f"""
import os, signal, sys, threading
is_near, is_calling, is_answered = threading.Event(), threading.Event(), threading.Event()

def hold_up():
    is_near.set()
    is_calling.wait()
    os.kill(os.getpid(), signal.SIGINT)
    # In less than the time after which nobody waits for a fork any more.
    print(is_answered.wait(3), flush=True)

os.register_at_fork(before=hold_up)
from xpkce.oauth2_auth import OAuth2PKCEAuth

class Calling(OAuth2PKCEAuth):
    @property
    def scope(self):
        if is_near.is_set():
            is_calling.set()

    @scope.setter
    def scope(self, value):
        pass

signal.signal(signal.SIGINT, signal.default_int_handler)
auth = Calling(token={auth.token!r}, **{x.settings()!r})

def fork():
    if os.fork() == 0:
        os._exit(0)

forking = threading.Thread(target=fork)
try:
    forking.start()
    is_near.wait()
    auth.refresh_token()
except KeyboardInterrupt:
    is_answered.set()
forking.join()
"""
    command = [sys.executable, *UNWARNED, "-c", program]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("True\n", "")
