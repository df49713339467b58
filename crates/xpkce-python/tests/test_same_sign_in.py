"""A sign-in goes as with X's own class, from the callback to the token."""

from __future__ import annotations

import time

import pytest
from addresses import query

KEYS = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "expires_at"]


@pytest.mark.parametrize("confidential", [True, False])
def test_it_signs_in(x, make, confidential):
    auth = make(**x.settings(confidential=confidential))
    callback = x.approve(auth.get_authorization_url(state="a-state"))
    assert "state=a-state" in callback
    before = time.time()
    token = auth.fetch_token(callback)
    assert auth.token is token
    assert list(token) == KEYS
    assert {key: type(value) for key, value in token.items()} == {
        "access_token": str,
        "token_type": str,
        "expires_in": int,
        "refresh_token": str,
        "scope": str,
        "expires_at": float,
    }
    assert token["token_type"] == "bearer" and token["expires_in"] == 7200
    assert set(token["scope"].split()) == {"tweet.read", "users.read", "offline.access"}
    assert before - 0.001 <= token["expires_at"] - 7200 <= time.time() + 0.001
    assert auth.access_token == token["access_token"]
    assert not auth.is_token_expired()
    assert x.whoami(auth.access_token) == 200


def test_it_signs_in_as_x_documents_it(x, make):
    """The notebook's way: the whole callback URL, pasted, by its name."""
    auth = make(**x.settings())
    callback_url = x.approve(auth.get_authorization_url())
    tokens = auth.fetch_token(authorization_response=callback_url)
    assert x.whoami(tokens["access_token"]) == 200
    assert x.whoami(auth.access_token) == 200


def test_the_steps_of_x_page_run_as_they_are(x, make, monkeypatch):
    """A URL that is opened and printed, a callback that is pasted, and a client on the token."""
    import webbrowser

    import xdk

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr("builtins.input", lambda _: x.approve(opened[-1]))
    auth = make(**x.settings(confidential=False, scope="tweet.read users.read offline.access"))
    webbrowser.open(auth.get_authorization_url())
    callback_url = input("Paste the full callback URL here: ")
    tokens = auth.fetch_token(authorization_response=callback_url)
    access_token, refresh_token = tokens["access_token"], tokens["refresh_token"]
    for client in (
        xdk.Client(base_url=x.base_url, access_token=access_token),
        xdk.Client(base_url=x.base_url, token=tokens),
    ):
        assert client.users.get_me().data.username == "ada_example"
    assert refresh_token


def test_it_exchanges_a_code_that_the_caller_took_out(x, make):
    auth = make(**x.settings())
    code = query(x.approve(auth.get_authorization_url()))["code"]
    token = auth.exchange_code(code)
    assert x.whoami(token["access_token"]) == 200


def test_it_finishes_in_another_object_with_the_verifier(x, make):
    first = make(**x.settings())
    callback = x.approve(first.get_authorization_url())
    second = make(**x.settings())
    second.set_pkce_parameters(first.get_code_verifier())
    assert x.whoami(second.fetch_token(callback)["access_token"]) == 200
    third = make(**x.settings())
    code = query(x.approve(first.get_authorization_url()))["code"]
    third.exchange_code(code, first.get_code_verifier())
    assert x.whoami(third.access_token) == 200


def test_without_offline_access_there_is_no_refresh_token(x, make):
    auth = make(**x.settings(scope="tweet.read users.read"))
    token = auth.fetch_token(x.approve(auth.get_authorization_url()))
    assert token["refresh_token"] is None


def test_a_callback_without_a_code_is_a_value_error(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.get_authorization_url()
    for callback in ("https://a.example/", "https://a.example/?state=s", "", "nonsense"):
        with pytest.raises(ValueError, match="^No authorization code found in callback URL$"):
            auth.fetch_token(callback)


def test_an_exchange_without_a_verifier_is_a_value_error(make):
    words = (
        r"^Code verifier is required\. Call get_authorization_url\(\) or "
        r"set_pkce_parameters\(\) first\.$"
    )
    with pytest.raises(ValueError, match=words):
        make(client_id="id").exchange_code("code")
    with pytest.raises(ValueError, match=words):
        make(client_id="id").fetch_token("https://a.example/?code=c&state=s")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 503, "body": "html"}, 503),
        ({"kind": "oauth_error", "error": "invalid_request", "description": "d"}, 400),
        ({"kind": "rate_limited", "reset_in": 5, "retry_after": None}, 429),
        ({"kind": "cloudflare"}, 403),
    ],
)
def test_a_refused_exchange_is_a_value_error_with_the_status(x, make, fault, status):
    auth = make(**x.settings())
    callback = x.approve(auth.get_authorization_url())
    x.fault("exchange", fault)
    with pytest.raises(ValueError, match=rf"^HTTP error! status: {status}, "):
        auth.fetch_token(callback)


def test_a_code_works_once(x, make):
    auth = make(**x.settings())
    callback = x.approve(auth.get_authorization_url())
    verifier = auth.get_code_verifier()
    auth.fetch_token(callback)
    code = query(callback)["code"]
    with pytest.raises(ValueError, match="^HTTP error! status: 400, "):
        auth.exchange_code(code, verifier)
    assert x.whoami(auth.access_token) == 200


@pytest.mark.parametrize("callback", [None, b"https://a.example/?code=c"])
def test_a_callback_that_is_no_text_is_a_value_error(make, callback):
    """As where a web framework gives nothing, or bytes."""
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.get_authorization_url()
    with pytest.raises(ValueError, match="^No authorization code found in callback URL$"):
        auth.fetch_token(callback)


@pytest.mark.parametrize(("code", "sent"), [(b"code", "code"), (5, "5")])
def test_a_code_of_another_type_is_sent_as_its_text(wire, make, code, sent):
    auth = make(wire.base_url, client_id="id", redirect_uri="https://a.example/")
    auth.exchange_code(code, b"v" * 43)
    assert wire.requests[-1].form["code"] == sent
    assert wire.requests[-1].form["code_verifier"] == "v" * 43


@pytest.mark.parametrize("code", [None, ""])
def test_an_exchange_without_a_code_is_a_value_error(x, make, code):
    """As when the user pressed Cancel and the program took the code out of the callback itself."""
    with pytest.raises(ValueError):
        make(**x.settings()).exchange_code(code, "v" * 43)
