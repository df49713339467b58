"""Where a token may go: to X's API alone."""

from __future__ import annotations

from urllib.parse import urlsplit

from .errors import ConfigureError

_PORTS = {"http": 80, "https": 443}


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port or _PORTS.get(parts.scheme.lower())


def check(url: str, base_url: str) -> None:
    """Refuses a URL that is not of the API's origin. The message does not repeat it."""
    if _origin(url) != _origin(base_url):
        error = ConfigureError("the URL is not of X's API: a token goes to X alone")
        error.reason = "invalid_setting"
        error.hint = "send it without the keeper's auth, or with a keeper of that base_url"
        raise error
