"""A keeper's tokens in `requests`, in `httpx`, and X's class in X's own client."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import requests
import xdk
from wire import Wire

import xpkce
from xpkce import AsyncKeeper


def test_requests_sends_with_a_token(x, keeper):
    answer = requests.get(f"{x.base_url}/2/users/me", auth=keeper.requests_auth())
    assert answer.json()["data"]["username"] == "ada_example"


def test_requests_sends_once_more_on_401(x, keeper, settings):
    auth = keeper.requests_auth()
    with xpkce.Keeper(**settings) as other:
        keeper.access_token()
        other.refresh()  # The token that `keeper` holds has ended.
    session = requests.Session()
    session.auth = auth
    answer = session.get(f"{x.base_url}/2/users/me")
    assert answer.status_code == 200 and [old.status_code for old in answer.history] == [401]
    body = io.BytesIO(b'{"text":"hello"}')
    answer = session.post(
        f"{x.base_url}/2/tweets", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (201, 403)


def get_with_requests(url: str, keeper: Any) -> int:
    return requests.get(url, auth=keeper.requests_auth()).status_code


def get_with_httpx(url: str, keeper: Any) -> int:
    return httpx.get(url, auth=keeper.httpx_auth(), follow_redirects=True).status_code


def get_with_async_httpx(url: str, keeper: Any) -> int:
    async def get() -> int:
        async with httpx.AsyncClient(auth=keeper.httpx_auth(), follow_redirects=True) as client:
            return (await client.get(url)).status_code

    return asyncio.run(get())


@pytest.mark.parametrize("get", [get_with_requests, get_with_httpx, get_with_async_httpx])
def test_a_401_of_elsewhere_is_not_held_against_the_token(wire, tmp_path, get):
    elsewhere = Wire()
    try:
        with xpkce.Keeper(tmp_path / "l.db", client_id="an-id", base_url=wire.base_url) as keeper:
            token = {"access_token": "a", "refresh_token": "r", "expires_at": time.time() + 7200}
            wire.answer({"data": {"id": "1", "name": "Ada", "username": "ada_example"}})
            assert keeper.import_token(token).username == "ada_example"
            wire.requests.clear()
            wire.answer({}, 302, location=f"{elsewhere.base_url}/media")
            elsewhere.answer({}, 401)
            assert get(f"{wire.base_url}/2/media", keeper) == 401
    finally:
        elsewhere.stop()
    assert [request.path for request in wire.requests] == ["/2/media"]


def test_requests_gives_up_after_the_second_401(x, keeper, settings):
    with xpkce.Keeper(**settings) as other:
        keeper.access_token()
        other.refresh()
    x.fault("whoami", {"kind": "problem", "problem": "unauthorized"}, times=5)
    answer = requests.get(f"{x.base_url}/2/users/me", auth=keeper.requests_auth())
    assert answer.status_code == 401 and len(answer.history) == 1


def gone() -> Iterator[bytes]:
    yield b'{"text":"hello"}'


class Unseekable:
    """Tells where it is, and goes nowhere else."""

    def tell(self) -> int:
        return 0

    def __iter__(self) -> Iterator[bytes]:
        return gone()


class Closing(io.BytesIO):
    """Closes itself after it was read."""

    def read(self, size: int | None = -1) -> bytes:
        read = super().read(size)
        if not read:
            self.close()
        return read


@pytest.mark.parametrize(
    "body",
    [gone, Unseekable, lambda: Closing(b'{"text":"hello"}')],
    ids=["generator", "no seek", "closed"],
)
def test_requests_reports_a_401_whose_body_is_gone(x, keeper, settings, body):
    keeper.access_token()
    with xpkce.Keeper(**settings) as other:
        other.refresh()  # The token that `keeper` holds has ended.

    def post() -> int:
        json = {"Content-Type": "application/json"}
        url, auth = f"{x.base_url}/2/tweets", keeper.requests_auth()
        return requests.post(url, data=body(), headers=json, auth=auth).status_code

    assert post() == 401 and post() in (201, 403)


@pytest.mark.parametrize("body", ["generator", "multipart"])
def test_httpx_reports_a_401_whose_body_is_gone(x, keeper, settings, body):
    keeper.access_token()
    with xpkce.Keeper(**settings) as other:
        other.refresh()

    def post() -> int:
        sent = {"content": gone()} if body == "generator" else {"files": {"f": ("a", b"b")}}
        return httpx.post(f"{x.base_url}/2/tweets", auth=keeper.httpx_auth(), **sent).status_code

    assert post() == 401 and post() != 401


def test_async_httpx_reports_a_401_whose_body_is_gone(x, keeper, settings):
    async def body() -> AsyncIterator[bytes]:
        yield b'{"text":"hello"}'

    async def life() -> list[int]:
        async with AsyncKeeper(**settings) as mine, AsyncKeeper(**settings) as other:
            async with httpx.AsyncClient(auth=mine.httpx_auth()) as client:
                await mine.access_token()
                await other.refresh()
                url = f"{x.base_url}/2/tweets"
                return [(await client.post(url, content=body())).status_code for _ in range(2)]

    first, second = asyncio.run(life())
    assert first == 401 != second


def test_a_401_whose_body_is_gone_is_returned_though_nobody_is_signed_in(x, keeper, settings):
    keeper.access_token()
    auth = keeper.requests_auth()
    with xpkce.Keeper(**settings) as other:
        other.revoke()
    answer = requests.post(f"{x.base_url}/2/tweets", data=gone(), auth=auth)
    assert answer.status_code == 401


def test_a_token_goes_to_x_alone(keeper):
    with pytest.raises(xpkce.ConfigureError) as raised:
        requests.get("http://127.0.0.1:9/2/users/me", auth=keeper.requests_auth())
    with pytest.raises(xpkce.ConfigureError):
        httpx.get("https://x.example/2/users/me", auth=keeper.httpx_auth())
    assert raised.value.hint


def test_httpx_sends_once_more_on_401(x, keeper, settings):
    with xpkce.Keeper(**settings) as other, httpx.Client(auth=keeper.httpx_auth()) as client:
        assert client.get(f"{x.base_url}/2/users/me").status_code == 200
        other.refresh()
        assert client.get(f"{x.base_url}/2/users/me").status_code == 200
    assert x.counters()["refreshes"] == 1


def test_async_httpx_sends_once_more_on_401(x, keeper, settings):
    async def life() -> None:
        async with AsyncKeeper(**settings) as mine, AsyncKeeper(**settings) as other:
            async with httpx.AsyncClient(auth=mine.httpx_auth()) as client:
                assert (await client.get(f"{x.base_url}/2/users/me")).status_code == 200
                await other.refresh()
                assert (await client.get(f"{x.base_url}/2/users/me")).status_code == 200

    asyncio.run(life())
    assert x.counters()["refreshes"] == 1


def test_x_own_client_signs_in_calls_and_refreshes(x, ours):
    client = xdk.Client(base_url=x.base_url)
    client.oauth2_auth = ours(**x.settings())
    client.fetch_token(x.approve(client.get_authorization_url()))
    assert client.users.get_me().data.username == "ada_example"
    first = client.access_token
    client.refresh_token()
    assert client.access_token != first and not client.is_token_expired()
    assert client.users.get_me().data.username == "ada_example"
    assert client.oauth2_session.get(f"{x.base_url}/2/users/me").status_code == 200
