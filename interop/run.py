"""Signs in with the real command against authorization servers that nobody here wrote."""

import argparse
import base64
import json
import sys
import tempfile
import traceback
from pathlib import Path
from urllib.parse import quote_plus

import browser
from command import Command
from server import running

SERVERS = ["oidc-provider", "authlib"]
REDIRECT_URI = "http://127.0.0.1:8080/callback"

# All that RFC 6749 appendix A lets an id and a secret have beside letters and digits. A colon splits
# Basic, a plus stands for a space in a form, the others mean something in a form or a URL.
SPECIAL = " :/?#[]@!$&'()*+,;=%25~-._|<>^`{}\\\""

CLIENTS = {
    "public": ("VGhpcyBpcyBhIHB1YmxpYyBjbGllbnQ6MTpjaQ", None),
    "confidential": ("Y29uZmlkZW50aWFsIGNsaWVudDoxOmNp", "c2VjcmV0LW9mLXRoZS1jbGllbnQ"),
    "public, special characters": ("p" + SPECIAL, None),
    "confidential, special characters": ("c" + SPECIAL, "s" + SPECIAL),
}


def as_client(client_id, client_secret):
    return {
        "client_id": client_id,
        "client_secret": client_secret,
        "redirect_uri": REDIRECT_URI,
    }


def live_a_login(xpkce, server):
    """Takes one login from its sign-in to its end."""
    said = xpkce.login_headless(lambda url: browser.approve(url, REDIRECT_URI))
    assert "unlabelled-" in said, f"no /2/users/me here, and yet a name:\n{said}"

    first = xpkce.run("token").strip()
    assert server.is_alive(first), "the token that was printed does not work"
    assert xpkce.run("token").strip() == first, "a valid token is printed as it is"

    xpkce.run("refresh")
    xpkce.run("refresh")
    third = xpkce.run("token").strip()
    assert third != first and server.is_alive(third), "two refreshes bring a new, living token"

    [login] = json.loads(xpkce.run("status", "--json"))["logins"]
    assert login["account"].startswith("unlabelled-"), login
    assert login["generation"] == 3, login

    xpkce.run("logout", "--yes")
    assert not server.is_alive(third), "the token outlived its logout"


def check_authentication(seen, client):
    """RFC 6749 section 2.3.1: each half is form-encoded before the colon and Base64."""
    expected = None
    if client["client_secret"] is not None:
        halves = (quote_plus(client[it], safe="*-._") for it in ("client_id", "client_secret"))
        expected = "Basic " + base64.b64encode(":".join(halves).encode()).decode()
    # One exchange, two refreshes, and at least one revocation.
    assert len(seen) >= 4, seen
    for request in seen:
        found = request["authorization"]
        # What RFC 3986 leaves alone may come encoded or not, and a space in either way.
        assert decoded(found) == decoded(expected), f"{found} is not {expected}"


def decoded(header):
    if header is None:
        return None
    scheme, pair = header.split(" ", 1)
    return scheme, base64.b64decode(pair).replace(b"%7E", b"~").replace(b"+", b"%20")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--xpkce", type=Path, required=True)
    args.add_argument("--node-home", type=Path, required=True)
    args = args.parse_args()

    failures = 0
    for name in SERVERS:
        clients = [as_client(*it) for it in CLIENTS.values()]
        log = args.node_home.parent / f"{name}.log"
        with running(name, clients, args.node_home.resolve(), log) as server:
            for what, client in zip(CLIENTS, clients):
                failures += not passes(args.xpkce.resolve(), server, what, client)
    print(f"{len(SERVERS) * len(CLIENTS) - failures} passed, {failures} failed")
    return 1 if failures else 0


def passes(binary, server, what, client):
    before = len(server.seen())
    with tempfile.TemporaryDirectory() as home:
        try:
            live_a_login(Command(binary, Path(home), server, client), server)
            check_authentication(server.seen()[before:], client)
        except Exception:
            print(f"FAIL {server.name}: {what}")
            traceback.print_exc(file=sys.stdout)
            return False
    print(f"ok   {server.name}: {what}")
    return True


if __name__ == "__main__":
    sys.exit(main())
