"""Code as users write it; mypy and pyright read it, strictly. It is not run."""

from __future__ import annotations

from typing import Any

import httpx
import requests
from typing_extensions import assert_type

from xpkce import AsyncKeeper, Keeper, Login, OAuth2PKCEAuth, RetryError, SignInError, XpkceError
from xpkce.oauth2_auth import OAuth2PKCEAuth as SameClass


class Saving(OAuth2PKCEAuth):
    def __init__(self, path: str, client_id: str) -> None:
        super().__init__(client_id=client_id, scope=["tweet.read"])
        self.path = path

    def get_authorization_url(self, state: str | None = None) -> str:
        return super().get_authorization_url(state)

    def refresh_token(self) -> dict[str, Any]:
        token = super().refresh_token()
        token["saved"] = self.path
        return token


def x_class(callback: str) -> str | None:
    auth: SameClass = Saving("a-path", "an-id")
    url: str = auth.get_authorization_url(state="a-state")
    token: dict[str, Any] = auth.fetch_token(authorization_response=callback)
    auth.token = token
    auth.code_verifier = None
    if auth.is_token_expired():
        auth.refresh_token()
    return auth.access_token or url


def keeper() -> Login | None:
    with Keeper("logins.db", client_id="an-id") as keeper:
        requests.get("https://api.x.com/2/users/me", auth=keeper.requests_auth())
        httpx.get("https://api.x.com/2/users/me", auth=keeper.httpx_auth())
        try:
            token: str = keeper.access_token()
        except SignInError:
            return keeper.login(show=print)
        except RetryError as error:
            wait: float = error.retry_after or 1.0
            raise XpkceError(str(wait)) from error
        return keeper.import_token({"access_token": token})


class OwnKeeper(Keeper):
    pass


class OwnAsyncKeeper(AsyncKeeper):
    pass


async def own_keepers() -> None:
    assert_type(OwnKeeper.from_environment(user="ada"), OwnKeeper)
    with OwnKeeper("logins.db", client_id="an-id") as own:
        assert_type(own, OwnKeeper)
    async with OwnAsyncKeeper.from_environment() as own_async:
        assert_type(own_async, OwnAsyncKeeper)


async def async_keeper() -> list[Login]:
    async with AsyncKeeper("logins.db", client_id="an-id") as keeper:
        token: str = await keeper.access_token(user="ada")
        await keeper.revoke(forget=not token)
    logins = await keeper.logins()
    await keeper.close()
    return logins
