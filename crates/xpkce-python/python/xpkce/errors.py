"""The exceptions of xpkce: one class for each thing that a caller can do about a failure.

Where the reference class raises ``ValueError``, these are ``ValueError`` too. No message holds a
token, a body of X, or a URL with its query.
"""

from __future__ import annotations

__all__ = [
    "ConfigureError",
    "InDoubtError",
    "ProtocolError",
    "RetryError",
    "SignInError",
    "StoreError",
    "XpkceError",
]


class XpkceError(Exception):
    """Everything that can go wrong.

    Attributes:
        kind: What the caller can do about it: ``configure``, ``sign_in``, ``in_doubt``, ``retry``,
            ``store`` or ``protocol``.
        reason: Which case it is, such as ``token_rejected``.
        hint: The one thing to do next, where the library knows it.
        status: The HTTP status that X answered, if it answered.
        transaction_id: X's ``x-transaction-id``, for its support.
        retry_after: Seconds to wait before asking again, where X or a back-off says so.
        cause: Why it happened, in the words of what failed.
    """

    kind: str = "protocol"
    reason: str = "internal"
    hint: str | None = None
    status: int | None = None
    transaction_id: str | None = None
    retry_after: float | None = None
    cause: str | None = None


class ConfigureError(XpkceError, ValueError):
    """Fix a parameter, a URL, or the app's registration at X."""

    kind = "configure"


class SignInError(XpkceError, ValueError):
    """The user must approve again."""

    kind = "sign_in"


class InDoubtError(XpkceError, ValueError):
    """The answer never came: the refresh token, or the code, may be spent."""

    kind = "in_doubt"


class RetryError(XpkceError, ValueError):
    """Nothing was spent. Call again, after ``retry_after`` seconds if it says so."""

    kind = "retry"


class StoreError(XpkceError):
    """The store of a keeper failed. Repair it; nothing is lost yet."""

    kind = "store"


class ProtocolError(XpkceError, ValueError):
    """X answered what its documentation does not allow, or this library is wrong. Report it."""

    kind = "protocol"
