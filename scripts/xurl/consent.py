"""Opens an authorize URL as a browser whose user answers the consent page.

Its arguments are the URL and the answer: `allow` and a username, or `cancel`.
"""

import re
import sys
import urllib.parse
import urllib.request

# The token without which the page's form is not accepted.
PAGE = re.compile(r'name="page" value="([^"]+)"')


def main():
    url, decision, *username = sys.argv[1:]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    shown = opener.open(url, timeout=20).read().decode()
    found = PAGE.search(shown)
    if not found:
        sys.exit(f"this is not the consent page: {shown[:500]}")
    answer = {"page": found[1], "decision": decision}
    if username:
        answer["username"] = username[0]
    # The redirect to the callback is followed, as a browser does.
    page = urllib.parse.urljoin(url, "/i/oauth2/authorize")
    opener.open(page, urllib.parse.urlencode(answer).encode(), timeout=20).read()


main()
