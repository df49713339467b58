"""The keeper: one sign-in, and valid tokens for ever after."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from browser import get, visit
from test_process import in_child

import xpkce
from xpkce import AsyncKeeper, Keeper

DAY = 86_400


def test_a_sign_in_is_finished_in_another_object(x, settings):
    callback = x.approve(Keeper(**settings).begin_login())
    login = Keeper(**settings).finish_login(callback)
    assert login.username == "ada_example" and login.can_refresh
    assert set(login.scopes) == set(settings["scope"].split())
    assert x.whoami(Keeper(**settings).access_token()) == 200


def test_a_fresh_token_is_handed_out_again(x, keeper):
    tokens = {keeper.access_token() for _ in range(100)}
    assert len(tokens) == 1 and x.counters()["refreshes"] == 0


def test_a_rotation_is_seen_by_every_keeper_after_its_401(x, keeper, settings):
    with Keeper(**settings) as other:
        assert other.access_token() == keeper.access_token()
        renewed = keeper.refresh()
        assert other.rejected(other.access_token()) == renewed == keeper.access_token()
        assert x.counters()["refreshes"] == 1 and x.whoami(renewed) == 200


def test_a_401_looks_for_the_login_again_when_another_has_signed_in(x, keeper, settings):
    token = keeper.access_token()
    with Keeper(**settings) as other:
        other.revoke()
        x.control("auto-approve", username="bo_sample")
        other.finish_login(x.approve(other.begin_login()))
        assert keeper.rejected(token) == other.access_token()


def test_threads_that_refresh_at_once_spend_one_token_each_at_a_time(x, keeper):
    threads = [threading.Thread(target=keeper.refresh) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert x.counters()["replays"] == 0
    assert x.whoami(keeper.access_token()) == 200


def test_processes_share_a_store(x, keeper, settings):
    program = "import sys, xpkce\nprint(xpkce.Keeper(**eval(sys.argv[1])).refresh())"
    arguments = repr(settings | {"store": str(settings["store"])})
    command = [sys.executable, "-c", program, arguments]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert all(process.wait(60) == 0 for process in running)
    [process.stdout.close() for process in running if process.stdout]
    assert x.counters()["replays"] == 0
    assert x.whoami(keeper.rejected(keeper.access_token())) == 200


def test_a_fork_opens_its_own(x, keeper):
    keeper.access_token()
    assert in_child(lambda: x.whoami(keeper.refresh())) == 200
    assert x.whoami(keeper.rejected(keeper.access_token())) == 200
    assert x.counters()["replays"] == 0


def test_a_sign_in_that_x_asked_to_wait_with_is_finished_by_the_same_callback(x, settings):
    with Keeper(**settings) as keeper:
        callback = x.approve(keeper.begin_login())
        x.fault("exchange", {"kind": "rate_limited", "reset_in": 1})
        with pytest.raises(xpkce.RetryError):
            keeper.finish_login(callback)
        assert keeper.finish_login(callback).username == "ada_example"
        with pytest.raises(xpkce.SignInError) as raised:
            keeper.finish_login(callback)
        assert raised.value.reason == "login_expired" and raised.value.hint


def test_nobody_signed_in_is_a_sign_in_error(settings):
    with pytest.raises(xpkce.SignInError) as raised:
        Keeper(**settings).access_token()
    assert raised.value.reason == "not_signed_in" and raised.value.hint


def test_a_user_is_named_by_handle_or_id_when_there_are_several(x, keeper):
    x.control("auto-approve", username="bo_sample")
    bo = keeper.finish_login(x.approve(keeper.begin_login()))
    assert {login.username for login in keeper.logins()} == {"ada_example", "bo_sample"}
    with pytest.raises(xpkce.ConfigureError, match="several users"):
        keeper.access_token()
    assert keeper.access_token("@Bo_Sample") == keeper.access_token(bo.user_id)
    assert keeper.access_token("ada_example") != keeper.access_token("bo_sample")
    with pytest.raises(xpkce.SignInError):
        keeper.access_token("cleo_fiction")


def test_a_revoked_login_is_gone(x, keeper):
    token = keeper.access_token()
    keeper.revoke()
    assert x.whoami(token) == 401
    with pytest.raises(xpkce.SignInError):
        keeper.access_token()
    assert [login.state for login in keeper.logins()] == ["signed_out"]


def test_a_login_that_asks_nothing_of_its_owner_says_so_as_the_command_does(x, keeper):
    signed_in = keeper.finish_login(x.approve(keeper.begin_login()))
    assert [login.action for login in [signed_in, *keeper.logins()]] == ["none", "none"]


def test_a_login_that_was_signed_out_elsewhere_says_what_to_do(x, keeper, settings):
    keeper.access_token()
    with Keeper(**settings) as other:
        other.revoke()
    user = keeper.logins()[0].user_id
    with pytest.raises(xpkce.SignInError) as raised:
        keeper.refresh(user)
    assert raised.value.reason == "signed_out" and raised.value.hint == "sign in again"


def test_a_login_without_offline_access_says_which_scope_it_lacks(x, settings):
    with Keeper(**settings | {"scope": "tweet.read users.read"}) as keeper:
        keeper.finish_login(x.approve(keeper.begin_login()))
        with pytest.raises(xpkce.SignInError) as raised:
            keeper.refresh()
    assert "offline.access" in raised.value.hint


def test_a_token_of_x_class_is_taken_over(x, settings, signed_in, ours):
    auth = signed_in(ours)
    with Keeper(**settings) as keeper:
        assert keeper.import_token(auth.token).username == "ada_example"
        assert x.whoami(keeper.refresh()) == 200


@pytest.mark.parametrize("end", [float("nan"), float("inf")])
def test_a_token_whose_end_is_no_number_is_taken_over_and_refreshed(
    x, settings, signed_in, ours, end
):
    auth = signed_in(ours)
    with Keeper(**settings) as keeper:
        keeper.import_token(auth.token | {"expires_at": end})
        assert x.whoami(keeper.access_token()) == 200


def test_a_login_in_the_browser(x, settings, callback):
    pages: list[str] = []

    def browser(url: str) -> None:
        place = x.approve(url)
        threading.Thread(target=lambda: pages.append(visit(place))).start()

    with Keeper(**settings | {"redirect_uri": callback()}) as keeper:
        login = keeper.login(show=browser, timeout=20)
        assert login.username == "ada_example"
        assert x.whoami(keeper.access_token()) == 200
    assert "signed in" in pages[0].lower()


def test_a_browser_in_the_foreground_is_not_waited_for(
    x, settings, callback, monkeypatch, tmp_path
):
    """As `BROWSER` may name one: it ends when the callback has been answered."""
    browser = tmp_path / "browser"
    program = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
    browser.write_text(f"#!{sys.executable}\n{program}\n")
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    # It has found its browsers already, perhaps.
    monkeypatch.setattr("webbrowser._tryorder", None)
    with Keeper(**settings | {"redirect_uri": callback()}) as keeper:
        assert keeper.login(timeout=20).username == "ada_example"


@pytest.mark.parametrize("timeout", [0.2, 0, -1, float("nan")])
def test_a_login_that_nobody_finishes_ends(settings, callback, timeout):
    with Keeper(**settings | {"redirect_uri": callback()}) as keeper:
        with pytest.raises(xpkce.SignInError) as raised:
            keeper.login(show=lambda url: None, timeout=timeout)
        assert raised.value.reason == "login_expired"


def test_ctrl_c_ends_a_login_and_frees_its_port(settings, callback):
    uri = callback()

    def interrupt() -> None:
        assert get(f"{uri}/elsewhere") == 404  # It listens.
        os.kill(os.getpid(), signal.SIGINT)

    with Keeper(**settings | {"redirect_uri": uri}) as keeper:
        for _ in range(2):  # The second finds the port free.
            with pytest.raises(KeyboardInterrupt):
                keeper.login(show=lambda url: threading.Thread(target=interrupt).start())


def fails(url: str) -> None:
    raise OSError("there is no browser")


def test_a_login_that_cannot_be_shown_frees_its_port(settings, callback):
    with Keeper(**settings | {"redirect_uri": callback()}) as keeper:
        try:
            keeper.login(show=fails)
        except OSError:  # Its traceback holds on to what listened.
            with pytest.raises(xpkce.SignInError):
                keeper.login(show=lambda url: None, timeout=0)


def test_an_async_login_that_cannot_be_shown_frees_its_port(settings, callback):
    async def life() -> None:
        async with AsyncKeeper(**settings | {"redirect_uri": callback()}) as keeper:
            try:
                await keeper.login(show=fails)
            except OSError:
                with pytest.raises(xpkce.SignInError):
                    await keeper.login(show=lambda url: None, timeout=0)

    asyncio.run(life())


def test_the_async_face_does_the_same(x, settings, callback):
    async def life() -> None:
        async with AsyncKeeper(**settings | {"redirect_uri": callback()}) as keeper:

            def browser(url: str) -> None:
                place = x.approve(url)
                threading.Thread(target=visit, args=(place,)).start()

            assert (await keeper.login(show=browser, timeout=20)).username == "ada_example"
            first = await keeper.access_token()
            assert await keeper.access_token() == first
            tokens = await asyncio.gather(*(keeper.refresh() for _ in range(5)))
            assert x.whoami(await keeper.access_token()) == 200 and tokens
            assert [login.username for login in await keeper.logins()] == ["ada_example"]
            renewed = await keeper.rejected(first)
            assert renewed == await keeper.access_token()
            url = await keeper.begin_login()
            assert (await keeper.finish_login(x.approve(url))).state == "ready"
            await keeper.revoke()
            with pytest.raises(xpkce.SignInError):
                await keeper.access_token()

    asyncio.run(life())
    assert x.counters()["replays"] == 0


async def held(x: Any, keeper: AsyncKeeper) -> asyncio.Future[str]:
    """Refreshes, and returns once its request is held up at X."""
    x.hold()
    asked = x.when_asked()
    refreshing = asyncio.ensure_future(keeper.refresh())
    await asyncio.get_running_loop().run_in_executor(None, asked.join)
    return refreshing


def test_the_loop_runs_while_the_async_face_waits(x, keeper, settings):
    async def life() -> int:
        async with AsyncKeeper(**settings) as keeper:
            refreshing = await held(x, keeper)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not refreshing.done()
            x.let_go()
            return x.whoami(await refreshing)

    assert asyncio.run(life()) == 200


def test_a_cancelled_call_lets_the_pair_land(x, keeper, settings):
    async def life() -> None:
        async with AsyncKeeper(**settings) as keeper:
            refreshing = await held(x, keeper)
            refreshing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await refreshing
            x.let_go()
            assert x.whoami(await keeper.rejected(await keeper.access_token())) == 200

    asyncio.run(life())
    assert x.counters()["refreshes"] == 1 and x.counters()["replays"] == 0


def test_the_loop_runs_while_the_async_face_closes_and_waits_for_the_pair(x, keeper, settings):
    async def life() -> int:
        mine = AsyncKeeper(**settings)
        refreshing = await held(x, mine)
        closing = asyncio.ensure_future(mine.close())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not closing.done() and not refreshing.done()
        x.let_go()
        assert await closing is None
        renewed = await refreshing
        assert await mine.access_token() == renewed  # It opens again.
        await mine.close()
        return x.whoami(renewed)

    assert asyncio.run(life()) == 200
    assert x.counters()["refreshes"] == 1


def test_a_second_ctrl_c_ends_an_async_face_that_waits_for_a_pair(x, keeper, settings):
    program = f"""
import asyncio, xpkce
class Loud(xpkce.AsyncKeeper):
    async def close(self):
        asyncio.get_running_loop().call_soon(lambda: print("closing", flush=True))
        await super().close()
async def main():
    async with Loud(**{settings | {"store": str(settings["store"])}!r}) as keeper:
        await keeper.refresh()
asyncio.run(main())
"""
    x.fault("refresh", "slow", delay_ms=60_000)
    asked = x.when_asked()
    command, pipe = [sys.executable, "-c", program], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL) as running:
        asked.join()
        running.send_signal(signal.SIGINT)
        assert running.stdout is not None and running.stdout.readline() == b"closing\n"
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(20) != 0
        finally:
            running.kill()


def test_a_cancelled_login_frees_its_port(settings, callback):
    async def life() -> None:
        async with AsyncKeeper(**settings | {"redirect_uri": callback()}) as keeper:
            for _ in range(2):  # The second finds the port free.
                is_shown = asyncio.Event()
                login = asyncio.ensure_future(keeper.login(show=lambda url: is_shown.set()))
                await is_shown.wait()
                login.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await login

    asyncio.run(life())


def test_the_interpreter_waits_for_a_pair_that_is_on_its_way(x, keeper, settings):
    program = f"""
import sys, threading, xpkce
keeper = xpkce.Keeper(**{settings | {"store": str(settings["store"])}!r})
keeper.access_token()
threading.Thread(target=keeper.refresh, daemon=True).start()
sys.stdin.read()
"""
    x.fault("refresh", {"kind": "slow"}, delay_ms=1000)
    assert x.ends_while_asking(program) == (0, b"")
    assert x.whoami(keeper.rejected(keeper.access_token())) == 200
    assert x.counters()["refreshes"] == 1


def test_the_interpreter_closes_an_async_face_that_was_left_open(keeper, settings):
    program = f"""
import asyncio, xpkce
keeper = xpkce.AsyncKeeper(**{settings | {"store": str(settings["store"])}!r})
asyncio.run(keeper.access_token())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_no_secret_is_in_its_texts_or_its_file(keeper, settings):
    assert settings["client_secret"] not in repr(keeper) + repr(vars(keeper))
    token = keeper.access_token()
    keeper.close()
    for file in settings["store"].parent.glob("logins.db*"):
        assert token.encode() not in file.read_bytes()


def test_wrong_arguments_are_those_of_keeper():
    with pytest.raises(TypeError, match=r"^(Keeper|__init__)\(\) missing .*'store'"):
        Keeper(client_id="an-id")
    with pytest.raises(TypeError, match=r"^(Keeper|__init__)\(\) got an unexpected .*'clientid'"):
        Keeper("logins.db", clientid="an-id")


def test_what_is_imported_later_is_listed():
    assert set(xpkce.__all__) <= set(dir(xpkce))
