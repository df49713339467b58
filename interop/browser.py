"""Stands in for the browser: follows redirects, keeps cookies, and presses the one button."""

import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

MOST_HOPS = 20


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def approve(authorize_url, redirect_uri):
    """Returns the callback URL that the browser would have been sent to."""
    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(CookieJar()),
        urllib.request.ProxyHandler({}),
        _Stay,
    )
    url, form = authorize_url, None
    for _ in range(MOST_HOPS):
        status, location, body = _open(opener, url, form)
        if location:
            url, form = urllib.parse.urljoin(url, location), None
            if url.startswith(redirect_uri + "?"):
                return url
        elif status == 200 and '<form method="post">' in body and form is None:
            form = b"approve=yes"
        else:
            raise AssertionError(f"the consent page answered {status}: {body[:500]}")
    raise AssertionError("the consent page redirects for ever")


def _open(opener, url, form):
    try:
        response = opener.open(url, form, timeout=20)
    except urllib.error.HTTPError as answer:
        response = answer
    with response:
        body = response.read().decode(errors="replace")
        return response.status, response.headers.get("Location"), body
