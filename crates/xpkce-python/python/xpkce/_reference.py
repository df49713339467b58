"""The exceptions of ``requests`` and ``oauthlib`` that X's class lets out. Code that was written
for it catches them, so what is raised instead is theirs too.

Neither package is imported here: whoever names its exceptions has imported it.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from .errors import XpkceError

_REQUESTS = "requests.exceptions"
_OAUTHLIB = "oauthlib.oauth2.rfc6749.errors"

_OF_REFRESH = {
    # It takes X's `invalid_request` for this one.
    "token_rejected": "InvalidClientIdError",
    "wrong_client_id": "InvalidClientError",
    "wrong_secret_or_app_type": "UnauthorizedClientError",
}
"""What the reference raises when X refuses a refresh, by our reason."""


def class_for(
    kind: type[XpkceError], reason: str, status: int | None, is_refresh: bool
) -> type[XpkceError]:
    """Returns the class to raise for a call that X refused, or whose answer did not come."""
    if status is None:
        return _both(kind, _REQUESTS, "ConnectionError")
    if is_refresh:
        return _both(kind, _OAUTHLIB, _OF_REFRESH.get(reason, "MissingTokenError"))
    return kind


_made: dict[tuple[type, type], type[XpkceError]] = {}


def _both(kind: type[XpkceError], package: str, name: str) -> type[XpkceError]:
    theirs = getattr(sys.modules.get(package), name, None)
    if theirs is None:
        return kind
    known = _made.get((kind, theirs))
    return known or _made.setdefault((kind, theirs), _make(kind, theirs, package, name))


def _make(kind: type[XpkceError], theirs: type, package: str, name: str) -> type[XpkceError]:
    def reduce(self: XpkceError) -> tuple[Any, ...]:
        return _again, (kind, package, name, self.args), vars(self)

    body: dict[str, Any] = {"__module__": kind.__module__, "__reduce__": reduce}
    # What their constructors set; ours is the one that is called.
    body.update(dict.fromkeys(("request", "response", "uri", "state")))
    return cast("type[XpkceError]", type(kind.__name__, (kind, theirs), body))


def _again(kind: type[XpkceError], package: str, name: str, args: tuple[Any, ...]) -> XpkceError:
    """Out of a pickle, where the package may not be loaded."""
    return _both(kind, package, name)(*args)
