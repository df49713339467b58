"""X's own OAuth2PKCEAuth (xdk 0.10.6), unmodified, against the emulator named by XPKCE_EMULATOR."""

import importlib.metadata
import json
import os
import sys

import requests
from xdk import Client
from xdk.oauth2_auth import OAuth2PKCEAuth

X = json.loads(os.environ["XPKCE_EMULATOR"])
SCOPES = ["tweet.read", "users.read", "offline.access"]
# requests-oauthlib compares scopes as text and X answers them in its own order.
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"


def settings(confidential):
    app = next(app for app in X["apps"] if (app["client_secret"] is not None) == confidential)
    return {
        "base_url": X["base_url"],
        "authorization_base_url": X["authorization_base_url"],
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "redirect_uri": app["redirect_uris"][0],
        "scope": SCOPES,
    }


def sign_in(auth):
    url = auth.get_authorization_url(state="a-state")
    response = requests.get(url, allow_redirects=False, timeout=10)
    assert response.status_code == 302, response.text
    callback = response.headers["location"]
    assert "state=a-state" in callback, callback
    token = auth.fetch_token(callback)
    assert set(token["scope"].split()) == set(SCOPES), token["scope"]
    assert token["expires_in"] == 7200 and token["token_type"] == "bearer"
    assert not auth.is_token_expired()
    return token


def whoami(token):
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return requests.get(X["base_url"] + "/2/users/me", headers=headers, timeout=10)


def control(verb, **body):
    response = requests.post(f"{X['control_url']}/{verb}", json=body, timeout=10)
    assert response.ok, response.text
    return response.json()


def confidential():
    auth = OAuth2PKCEAuth(**settings(confidential=True))
    first = dict(sign_in(auth))
    assert whoami(first).json()["data"]["username"] == X["auto_approve"]
    second = dict(auth.refresh_token())
    third = dict(auth.refresh_token())
    assert len({t["refresh_token"] for t in (first, second, third)}) == 3
    assert whoami(first).status_code == whoami(second).status_code == 401
    assert whoami(third).status_code == 200


def public():
    auth = OAuth2PKCEAuth(**settings(confidential=False))
    assert whoami(sign_in(auth)).status_code == 200


def replay():
    auth = OAuth2PKCEAuth(**settings(confidential=True))
    first = dict(sign_in(auth))
    auth.refresh_token()
    stale = OAuth2PKCEAuth(token=first, **settings(confidential=True))
    try:
        stale.refresh_token()
    except Exception as error:
        assert "Value passed for the token was invalid." in str(error), repr(error)
    else:
        raise AssertionError("a spent token was accepted")


def client():
    token = sign_in(OAuth2PKCEAuth(**settings(confidential=True)))
    me = Client(base_url=X["base_url"], access_token=token["access_token"]).users.get_me()
    data = me.data if isinstance(me.data, dict) else me.data.model_dump()
    assert data["username"] == X["auto_approve"], data


def expiry():
    auth = OAuth2PKCEAuth(**settings(confidential=True))
    token = dict(sign_in(auth))
    control("advance", seconds=7200)
    assert whoami(token).status_code == 401
    assert whoami(auth.refresh_token()).status_code == 200


if __name__ == "__main__":
    assert importlib.metadata.version("xdk") == "0.10.6"
    globals()[sys.argv[1]]()
