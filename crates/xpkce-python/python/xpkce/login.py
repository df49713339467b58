"""What a keeper tells of a login."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Login"]


class Login(NamedTuple):
    """A login in a keeper's store, without its secrets."""

    user_id: str
    """X's user id; ``unlabelled-…`` until X has told who signed in."""

    username: str | None
    """The handle, without ``@``, if X told it."""

    scopes: tuple[str, ...]
    """What the user granted."""

    expires_at: float | None
    """When the access token ends, in seconds since 1970; the keeper refreshes it before."""

    can_refresh: bool
    """Whether there is a refresh token: whether ``offline.access`` was granted."""

    state: str
    """``ready``, ``spending``, ``in_doubt``, ``rejected``, ``sign_in_needed``, ``signing_out`` or
    ``signed_out``."""

    action: str
    """What it asks of its owner: ``none``, ``wait``, ``sign_in`` or ``sign_out_again``."""
