"""The end of a keeper: whatever is under way then is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

from test_process import held

from xpkce import AsyncKeeper, Keeper


def test_closing_while_a_call_is_under_way_waits_for_what_is_done_in_the_background_too(
    x, settings
):
    keeper = Keeper(**settings)
    x.fault("whoami", {"kind": "status", "status": 503, "body": "html"})
    x.hold("whoami")  # Whose the sign-in is will be asked once more, in the background.
    keeper.finish_login(x.approve(keeper.begin_login()))
    x.until(lambda: x.counters()["whoami_calls"] == 2)
    refreshing = held(x, keeper.refresh)
    closing = threading.Thread(target=keeper.close)
    closing.start()
    x.let_go()
    refreshing.join()
    for _ in range(100):
        x.counters()
    assert closing.is_alive()
    x.whoami("nobody's")
    closing.join()


def test_closing_waits_for_a_call_that_has_yet_to_open_the_store(keeper, settings):
    keeper.close()
    other = sqlite3.connect(settings["store"], isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")

    async def is_called_first() -> bool:
        keeper = AsyncKeeper(**settings)
        calling = asyncio.ensure_future(keeper.logins())
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(keeper.close())
        asyncio.get_running_loop().call_later(0.2, other.close)
        done, _ = await asyncio.wait([calling, closing], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(calling, closing)
        return calling in done

    assert asyncio.run(is_called_first())


def test_the_interpreter_waits_for_a_pair_of_a_keeper_that_nobody_holds_any_more(
    x, keeper, settings
):
    program = f"""
import asyncio, sys, xpkce
async def main():
    keeper = xpkce.AsyncKeeper(**{settings | {"store": str(settings["store"])}!r})
    refreshing = asyncio.ensure_future(keeper.refresh())
    await asyncio.to_thread(sys.stdin.read)
    refreshing.cancel()
asyncio.run(main())
"""
    x.fault("refresh", {"kind": "slow"}, delay_ms=1000)
    assert x.ends_while_asking(program) == (0, b"")
    assert x.whoami(keeper.rejected(keeper.access_token())) == 200
    assert x.counters()["refreshes"] == 1
