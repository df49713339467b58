"""The native part of xpkce. Import the classes from `xpkce` instead."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, NoReturn, final, overload

from typing_extensions import Self, disjoint_base

__all__ = ["Emulating", "Kept", "Listening", "OAuth2PKCEAuth", "__version__"]

__version__: str

@disjoint_base
class OAuth2PKCEAuth:
    """OAuth 2.0 sign-in with PKCE for the X API: ``xdk.oauth2_auth.OAuth2PKCEAuth``, without its
    holes.
    """

    base_url: str
    authorization_base_url: str
    client_id: str | None
    client_secret: str | None
    redirect_uri: str | None
    token: dict[str, Any] | None
    scope: str | list[str] | None
    code_verifier: str | None
    code_challenge: str | None
    oauth2_session: Any

    def __new__(
        cls,
        base_url: str = "https://api.x.com",
        authorization_base_url: str = "https://x.com/i",
        client_id: str | None = None,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        token: dict[str, Any] | None = None,
        scope: str | list[str] | None = None,
    ) -> Self: ...
    def __init__(
        self,
        base_url: str = "https://api.x.com",
        authorization_base_url: str = "https://x.com/i",
        client_id: str | None = None,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        token: dict[str, Any] | None = None,
        scope: str | list[str] | None = None,
    ) -> None: ...
    @property
    def access_token(self) -> str | None: ...
    def get_authorization_url(self, state: object = None) -> str: ...
    def exchange_code(self, code: str, code_verifier: str | None = None) -> dict[str, Any]: ...
    def fetch_token(self, authorization_response: str) -> dict[str, Any]: ...
    def refresh_token(self) -> dict[str, Any]: ...
    def is_token_expired(self) -> bool: ...
    def get_code_verifier(self) -> str | None: ...
    def get_code_challenge(self) -> str | None: ...
    def set_pkce_parameters(
        self, code_verifier: str, code_challenge: str | None = None
    ) -> None: ...
    def _generate_code_verifier(self, length: int = 128) -> str: ...
    def _generate_code_challenge(self, code_verifier: str) -> str: ...
    def _setup_oauth_session(self) -> None: ...
    def __reduce_ex__(self, protocol: Any, /) -> NoReturn: ...

@final
class Kept:
    """A keeper of one app's logins on one store."""

    def __new__(
        cls,
        store: str,
        key: str | None,
        key_file: str | None,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str | None,
        scope: str,
        base_url: str,
        authorization_base_url: str,
    ) -> Self: ...
    def fresh_token(self, user: str | None) -> str | None: ...
    @overload
    def access_token(self, user: str | None, later: Literal[False]) -> str: ...
    @overload
    def access_token(self, user: str | None, later: Literal[True]) -> asyncio.Future[str]: ...
    @overload
    def refresh(self, user: str | None, later: Literal[False]) -> str: ...
    @overload
    def refresh(self, user: str | None, later: Literal[True]) -> asyncio.Future[str]: ...
    @overload
    def rejected(self, token: str, user: str | None, later: Literal[False]) -> str: ...
    @overload
    def rejected(
        self, token: str, user: str | None, later: Literal[True]
    ) -> asyncio.Future[str]: ...
    @overload
    def note_rejected(self, token: str, user: str | None, later: Literal[False]) -> None: ...
    @overload
    def note_rejected(
        self, token: str, user: str | None, later: Literal[True]
    ) -> asyncio.Future[None]: ...
    @overload
    def revoke(self, user: str | None, forget: bool, later: Literal[False]) -> None: ...
    @overload
    def revoke(
        self, user: str | None, forget: bool, later: Literal[True]
    ) -> asyncio.Future[None]: ...
    @overload
    def logins(self, later: Literal[False]) -> list[dict[str, Any]]: ...
    @overload
    def logins(self, later: Literal[True]) -> asyncio.Future[list[dict[str, Any]]]: ...
    @overload
    def begin_login(self, later: Literal[False]) -> str: ...
    @overload
    def begin_login(self, later: Literal[True]) -> asyncio.Future[str]: ...
    @overload
    def finish_login(self, callback_url: str, later: Literal[False]) -> dict[str, Any]: ...
    @overload
    def finish_login(
        self, callback_url: str, later: Literal[True]
    ) -> asyncio.Future[dict[str, Any]]: ...
    @overload
    def import_token(self, json: str, later: Literal[False]) -> dict[str, Any]: ...
    @overload
    def import_token(self, json: str, later: Literal[True]) -> asyncio.Future[dict[str, Any]]: ...
    @overload
    def listen(self, later: Literal[False]) -> Listening: ...
    @overload
    def listen(self, later: Literal[True]) -> asyncio.Future[Listening]: ...
    def close(self) -> None: ...
    def base_url(self) -> str: ...

@final
class Listening:
    """A sign-in whose callback is listened for."""

    @property
    def url(self) -> str: ...
    @overload
    def finish(self, timeout: float, later: Literal[False]) -> dict[str, Any]: ...
    @overload
    def finish(self, timeout: float, later: Literal[True]) -> asyncio.Future[dict[str, Any]]: ...
    def cancel(self) -> None: ...

@final
class Emulating:
    """An emulator that runs until it is let go."""

    def __new__(cls, port: int, auto_approve: str | None) -> Self: ...
    def json(self) -> str: ...
    def text(self) -> str: ...
