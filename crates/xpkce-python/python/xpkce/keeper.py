"""The keeper: sign in once, and have a valid access token for ever after.

Any number of threads, processes and, on PostgreSQL, machines work on one store. A refresh token is
spent by one of them at a time, and what X answers is saved before anything else happens.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import weakref
from typing import TYPE_CHECKING, Any, Callable

from ._browser import invite
from ._native import Kept
from .login import Login

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from .httpx import HttpxAuth
    from .requests import RequestsAuth

__all__ = ["AsyncKeeper", "Keeper"]

DEFAULT_SCOPE = "tweet.read users.read offline.access"
"""What is asked for when nothing is said: enough to know the user and to stay signed in."""

LOGIN_TIMEOUT = 600.0
"""How long a sign-in waits for the user, in seconds."""


class _Face:
    """What both faces of a keeper have."""

    def __init__(
        self,
        store: str | os.PathLike[str],
        *,
        client_id: str,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        scope: str | list[str] = DEFAULT_SCOPE,
        user: str | None = None,
        key: str | None = None,
        key_file: str | os.PathLike[str] | None = None,
        base_url: str = "https://api.x.com",
        authorization_base_url: str = "https://x.com/i",
    ) -> None:
        """Describes a keeper. Opens nothing yet.

        Args:
            store: A file, which is made where there is none, or ``postgres://…``. A relative path
                is meant from the folder that the program is in now.
            client_id: The app's OAuth 2.0 client id.
            client_secret: The secret of a confidential app; none for a public one.
            redirect_uri: The callback as it is registered at X; left out,
                ``http://127.0.0.1:8080/callback``.
            scope: The scopes to ask for, one text with spaces or a list.
            user: Whose tokens to hand out, by X's user id or handle. Not needed while one user is
                signed in.
            key: The sealing key itself.
            key_file: The file with the sealing key, its path as the store's; left out, the file
                ``key`` beside the store, which is made for a new store. A store on PostgreSQL needs
                one of the two.
            base_url: Where X's API is.
            authorization_base_url: Where X's consent page is.

        Raises:
            ConfigureError: When a URL or the store's address cannot work.
        """
        self.user = user
        self._kept = Kept(
            os.fspath(store),
            key,
            None if key_file is None else os.fspath(key_file),
            client_id,
            client_secret,
            redirect_uri,
            scope if isinstance(scope, str) else " ".join(scope),
            base_url,
            authorization_base_url,
        )
        _open.add(self)

    # What a TypeError about the arguments names: callers know of no `_Face`.
    __init__.__qualname__ = "Keeper"

    @classmethod
    def from_environment(cls, user: str | None = None) -> Self:
        """Makes a keeper of the environment alone, on the store that the command ``xpkce`` uses.

        ``XPKCE_CLIENT_ID`` is needed, and for a confidential app ``XPKCE_CLIENT_SECRET``.
        ``XPKCE_REDIRECT_URI``, ``XPKCE_SCOPE``, ``XPKCE_STORE``, ``XPKCE_KEY``,
        ``XPKCE_KEY_FILE``, ``XPKCE_HOME``, ``XPKCE_BASE_URL`` and
        ``XPKCE_AUTHORIZATION_BASE_URL`` are read where they are set, and an empty one counts as not
        set. The store and the key are by default ``xpkce.db`` and ``key`` in the home of the
        command.

        Not read: the apps that ``xpkce app add`` stored, and a service's key in
        ``$CREDENTIALS_DIRECTORY``.

        Raises:
            ConfigureError: When ``XPKCE_CLIENT_ID`` is not set, or a value cannot work.
        """
        from ._environment import settings

        return cls(user=user, **settings())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._kept!r}>"


def _json(token: Mapping[str, Any]) -> str:
    """JSON has no NaN and no infinity: an end that is one of them is not known."""
    token = {name: None if _is_odd(value) else value for name, value in token.items()}
    return json.dumps(token)


def _is_odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


_open: weakref.WeakSet[_Face] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for face in list(_open):
        face._kept.close()
    Kept.wait_for_left()


class Keeper(_Face):
    """Keeps the logins of one app. Every call may be made from any thread.

    >>> from xpkce import Keeper
    >>> keeper = Keeper("/var/lib/me/logins.db", client_id="an-id")
    >>> keeper
    <Keeper client_id="an-id" store="/var/lib/me/logins.db">

    Every call raises ``StoreError`` when the store fails, and ``ConfigureError`` when X refuses the
    app or the store's key is not the one that sealed it.
    """

    def login(
        self,
        *,
        show: Callable[[str], object] = invite,
        timeout: float = LOGIN_TIMEOUT,
    ) -> Login:
        """Signs a user in with the browser of this machine.

        Args:
            show: Is given the URL for the user; opens the browser if left out.
            timeout: How long to wait for the user, in seconds.

        Returns:
            The login, which is in the store now. An earlier one of the same user has ended with it.

        Raises:
            SignInError: The user pressed Cancel, or did not come in time.
            ConfigureError: Another program has the callback's port.
        """
        listening = self._kept.listen(False)
        try:
            show(listening.url)
            return Login(**listening.finish(timeout, False))
        finally:
            listening.cancel()

    def begin_login(self) -> str:
        """Begins a sign-in that any process on the store can finish within ten minutes.

        Returns:
            The URL for the user's browser.
        """
        return self._kept.begin_login(False)

    def finish_login(self, callback_url: str) -> Login:
        """Finishes a sign-in with the whole URL that the browser ended at. Works once.

        Where X did not take the code, because it was out of reach, asked to wait or refused the
        secret, or because the store failed before, the same URL can be given again. X lets a code
        live for 30 seconds.

        Raises:
            SignInError: The user pressed Cancel, or no such sign-in waits.
        """
        return Login(**self._kept.finish_login(callback_url, False))

    def import_token(self, token: Mapping[str, Any]) -> Login:
        """Takes over a token of ``OAuth2PKCEAuth``. From now on only this keeper may refresh it."""
        return Login(**self._kept.import_token(_json(token), False))

    def access_token(self, user: str | None = None) -> str:
        """Returns a valid access token, after refreshing it if it is due.

        Raises:
            SignInError: Nobody is signed in, or the login is dead.
            InDoubtError: A refresh was sent and its answer never came.
            RetryError: X cannot be reached, or asks to wait.

        Each only when no living token is left to serve.
        """
        user = user or self.user
        return self._kept.fresh_token(user) or self._kept.access_token(user, False)

    def refresh(self, user: str | None = None) -> str:
        """Rotates the pair now, and returns the new access token.

        Other processes hold the old one, which X has probably ended, until their next 401.
        """
        return self._kept.refresh(user or self.user, False)

    def rejected(self, access_token: str, user: str | None = None) -> str:
        """Reports that X answered 401 to a token, and returns the one to try once more with.

        A token under ten seconds old is not renewed: X is known to refuse those for a moment, so
        the same one is returned, two seconds later.

        Raises:
            RetryError: A 401 has caused a rotation less than a minute ago, or longer after several.
        """
        return self._kept.rejected(access_token, user or self.user, False)

    def revoke(self, user: str | None = None, *, forget: bool = False) -> None:
        """Revokes the user's tokens at X and forgets them.

        Args:
            user: Whose, by X's user id or handle.
            forget: Do not ask X; what it issued can be ended at
                https://x.com/settings/connected_apps.

        Raises:
            RetryError: X is out of reach. The login serves no token any more; call again.
        """
        self._kept.revoke(user or self.user, forget, False)

    def logins(self) -> list[Login]:
        """Returns every login of this app in the store."""
        return [Login(**row) for row in self._kept.logins(False)]

    def requests_auth(self, user: str | None = None) -> RequestsAuth:
        """Returns what ``requests`` takes as ``auth=``."""
        from .requests import RequestsAuth

        return RequestsAuth(self, user)

    def httpx_auth(self, user: str | None = None) -> HttpxAuth:
        """Returns what ``httpx`` takes as ``auth=``, in its sync and its async client.

        The async client has to run on asyncio: under trio it raises ``RuntimeError``.
        """
        from .httpx import HttpxAuth

        return HttpxAuth(self, user)

    def close(self) -> None:
        """Waits for what is being spent, and closes the store. The next call opens it again."""
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncKeeper(_Face):
    """`Keeper` for asyncio: the same calls, to be awaited. None of them blocks the loop.

    Not awaited, because they wait for nothing: ``from_environment`` and ``httpx_auth``. There is no
    ``requests_auth``: ``requests`` would block the loop.

    A call that is cancelled leaves what it began to its end: a pair that X sends is saved.
    """

    async def login(
        self,
        *,
        show: Callable[[str], object] = invite,
        timeout: float = LOGIN_TIMEOUT,
    ) -> Login:
        """As ``Keeper.login``. Cancelled, it listens no more."""
        listening = await self._kept.listen(True)
        try:
            show(listening.url)
            return Login(**await listening.finish(timeout, True))
        finally:
            listening.cancel()

    async def begin_login(self) -> str:
        """As ``Keeper.begin_login``."""
        return await self._kept.begin_login(True)

    async def finish_login(self, callback_url: str) -> Login:
        """As ``Keeper.finish_login``."""
        return Login(**await self._kept.finish_login(callback_url, True))

    async def import_token(self, token: Mapping[str, Any]) -> Login:
        """As ``Keeper.import_token``."""
        return Login(**await self._kept.import_token(_json(token), True))

    async def access_token(self, user: str | None = None) -> str:
        """As ``Keeper.access_token``."""
        user = user or self.user
        return self._kept.fresh_token(user) or await self._kept.access_token(user, True)

    async def refresh(self, user: str | None = None) -> str:
        """As ``Keeper.refresh``."""
        return await self._kept.refresh(user or self.user, True)

    async def rejected(self, access_token: str, user: str | None = None) -> str:
        """As ``Keeper.rejected``."""
        return await self._kept.rejected(access_token, user or self.user, True)

    async def revoke(self, user: str | None = None, *, forget: bool = False) -> None:
        """As ``Keeper.revoke``."""
        await self._kept.revoke(user or self.user, forget, True)

    async def logins(self) -> list[Login]:
        """As ``Keeper.logins``."""
        return [Login(**row) for row in await self._kept.logins(True)]

    def httpx_auth(self, user: str | None = None) -> HttpxAuth:
        """Returns what ``httpx`` takes as ``auth=``, in its sync and its async client.

        The async client has to run on asyncio: under trio it raises ``RuntimeError``.
        """
        from .httpx import HttpxAuth

        return HttpxAuth(self, user)

    async def close(self) -> None:
        """As ``Keeper.close``."""
        await self._kept.close_later()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
