"""A keeper's tokens for ``httpx``.

httpx.get("https://api.x.com/2/users/me", auth=keeper.httpx_auth())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from . import _origin
from .errors import XpkceError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from .keeper import AsyncKeeper, Keeper

__all__ = ["HttpxAuth"]


class HttpxAuth(httpx.Auth):
    """Authorizes requests to X's API. On 401 the token is renewed and the request sent once more.

    A token under ten seconds old is not renewed but sent once more two seconds later: X is known to
    refuse those for a moment. A body that cannot be sent again, such as a generator or a multipart
    one, is not: the 401 is returned, and the next request renews the token. Never on 403: a missing
    scope is not mended by a rotation.

    Works in ``httpx.Client`` and in ``httpx.AsyncClient``, with either face of a keeper. The latter
    has to run on asyncio: under trio it raises ``RuntimeError``.
    """

    def __init__(self, keeper: Keeper | AsyncKeeper, user: str | None = None) -> None:
        self._kept, self._user = keeper._kept, user or keeper.user

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Sends with a valid token, and once more on 401."""
        self._check(request)
        token = self._kept.fresh_token(self._user) or self._kept.access_token(self._user, False)
        response = yield _bearing(request, token)
        if response.status_code != 401 or not _bears(response, token):
            return
        if _can_repeat(response.request):
            yield _bearing(response.request, self._kept.rejected(token, self._user, False))
            return
        try:
            self._kept.note_rejected(token, self._user, False)
        except XpkceError:
            pass  # The caller has X's answer in hand; the next call says what is wrong.

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As ``sync_auth_flow``, without blocking the loop."""
        self._check(request)
        token = self._kept.fresh_token(self._user)
        token = token or await self._kept.access_token(self._user, True)
        response = yield _bearing(request, token)
        if response.status_code != 401 or not _bears(response, token):
            return
        if _can_repeat(response.request):
            yield _bearing(response.request, await self._kept.rejected(token, self._user, True))
            return
        try:
            await self._kept.note_rejected(token, self._user, True)
        except XpkceError:
            pass  # As above.

    def _check(self, request: httpx.Request) -> None:
        _origin.check(str(request.url), self._kept.base_url())


def _bearing(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _bears(response: httpx.Response, token: str) -> bool:
    """Whether the token was sent: a redirect to elsewhere takes it away."""
    sent: str | None = response.request.headers.get("Authorization")
    return sent == f"Bearer {token}"


def _can_repeat(request: httpx.Request) -> bool:
    """Whether the body is in memory: a stream that was sent is gone."""
    return isinstance(request.stream, httpx.ByteStream)
