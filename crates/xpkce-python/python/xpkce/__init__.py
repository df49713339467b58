"""OAuth 2.0 sign-in with PKCE for the X API, and the safekeeping of what comes out of it.

``OAuth2PKCEAuth`` is X's own class, for programs that keep their token themselves. ``Keeper``, and
``AsyncKeeper`` for asyncio, sign in once and hand out a valid access token for ever after.
"""

from ._native import __version__
from .errors import (
    ConfigureError,
    InDoubtError,
    ProtocolError,
    RetryError,
    SignInError,
    StoreError,
    XpkceError,
)
from .oauth2_auth import OAuth2PKCEAuth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .keeper import AsyncKeeper, Keeper
    from .login import Login

__all__ = [
    "AsyncKeeper",
    "ConfigureError",
    "InDoubtError",
    "Keeper",
    "Login",
    "OAuth2PKCEAuth",
    "ProtocolError",
    "RetryError",
    "SignInError",
    "StoreError",
    "XpkceError",
    "__version__",
]

_LATER = {"AsyncKeeper": "keeper", "Keeper": "keeper", "Login": "login"}


def __getattr__(name: str) -> object:
    """Imports the keeper when it is asked for: X's class alone is imported in two milliseconds."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LATER[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
