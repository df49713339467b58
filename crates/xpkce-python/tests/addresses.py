"""What is in an address."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit


def query(url: str) -> dict[str, str]:
    """Returns the parameters, in their order; each may come once."""
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), url
    return dict(pairs)
