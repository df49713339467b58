"""OAuth 2.0 sign-in with PKCE for the X API, and the safekeeping of what comes out of it.

``OAuth2PKCEAuth`` is X's own class, for programs that keep their token themselves.
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

__all__ = [
    "ConfigureError",
    "InDoubtError",
    "OAuth2PKCEAuth",
    "ProtocolError",
    "RetryError",
    "SignInError",
    "StoreError",
    "XpkceError",
    "__version__",
]
