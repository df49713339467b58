"""The keeper on PostgreSQL: many machines, here processes, and forks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
from postgres import Postgres
from test_process import held, in_child

import xpkce
from xpkce import AsyncKeeper, Keeper


@pytest.fixture(scope="module")
def server():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def settings(x, server, tmp_path):
    """What both faces take, on a database of the test's own."""
    settings = x.settings(confidential=True)
    key = {"key_file": str(tmp_path / "key")}
    return settings | key | {"store": server.database(), "scope": " ".join(settings["scope"])}


def test_threads_and_processes_share_a_store(x, keeper, settings):
    threads = [threading.Thread(target=keeper.refresh) for _ in range(4)]
    [thread.start() for thread in threads]
    program = "import sys, xpkce\nprint(xpkce.Keeper(**eval(sys.argv[1])).refresh())"
    command = [sys.executable, "-c", program, repr(settings)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert all(process.wait(60) == 0 for process in running)
    [thread.join(60) for thread in threads]
    assert x.counters()["replays"] == 0
    assert x.whoami(keeper.rejected(keeper.access_token())) == 200


def test_a_fork_opens_its_own(x, keeper):
    keeper.access_token()
    assert in_child(lambda: x.whoami(keeper.refresh())) == 200
    assert x.whoami(keeper.rejected(keeper.access_token())) == 200
    assert x.counters()["replays"] == 0


def test_a_refresh_goes_on_through_a_fork(x, keeper):
    answers: list[str] = []
    refreshing = held(x, lambda: answers.append(keeper.refresh()))
    assert in_child(lambda: [login.username for login in keeper.logins()]) == ["ada_example"]
    assert refreshing.is_alive()
    x.let_go()
    refreshing.join(60)
    assert x.whoami(answers[0]) == 200


def test_the_async_face_does_the_same(x, keeper, settings):
    async def life() -> None:
        async with AsyncKeeper(**settings) as mine:
            await asyncio.gather(*(mine.refresh() for _ in range(5)))
            assert x.whoami(await mine.access_token()) == 200
            await mine.revoke()
            with pytest.raises(xpkce.SignInError):
                await mine.access_token()

    asyncio.run(life())
    assert x.counters()["replays"] == 0


def test_neither_address_nor_token_is_shown(keeper, settings):
    assert settings["store"] not in repr(keeper)
    with pytest.raises(xpkce.StoreError) as raised:
        Keeper(**settings | {"store": "postgres://hunter2@127.0.0.1:9/db?sslmode=disable"}).logins()
    assert "hunter2" not in repr(raised.value) + str(raised.value) + repr(vars(raised.value))


def test_it_needs_a_key(settings):
    del settings["key_file"]
    with pytest.raises(xpkce.XpkceError) as raised:
        Keeper(**settings)
    assert raised.value.reason == "key"
