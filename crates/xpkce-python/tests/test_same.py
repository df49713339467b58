"""What is the same in X's own class and in ours, asserted on both."""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import pickle
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

KEYS = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "expires_at"]
METHODS = [
    "get_authorization_url",
    "exchange_code",
    "fetch_token",
    "refresh_token",
    "is_token_expired",
    "get_code_verifier",
    "get_code_challenge",
    "set_pkce_parameters",
]


def query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, strict_parsing=True)


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_the_constructor_has_the_same_names_order_and_defaults(reference, ours):
    def parameters(make: Any) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(make).parameters.values()]

    assert parameters(ours) == parameters(reference)


@pytest.mark.parametrize("method", METHODS)
def test_the_methods_have_the_same_parameters(reference, ours, method):
    def parameters(make: Any) -> list[tuple[str, Any]]:
        signature = inspect.signature(getattr(make, method))
        return [(p.name, p.default) for p in signature.parameters.values()]

    assert parameters(ours) == parameters(reference)


def test_the_constructor_takes_its_parameters_by_position(make):
    token = {"access_token": "a"}
    auth = make("https://a.example", "https://b.example/", "id", "secret", "uri", token, ["p", "q"])
    assert auth.base_url == "https://a.example"
    assert auth.authorization_base_url == "https://b.example"
    assert (auth.client_id, auth.client_secret, auth.redirect_uri) == ("id", "secret", "uri")
    assert auth.token is token
    assert auth.scope == "p q"


def test_the_defaults_are_x(make):
    auth = make()
    assert auth.base_url == "https://api.x.com"
    assert auth.authorization_base_url == "https://x.com/i"
    for name in ("client_id", "client_secret", "redirect_uri", "token", "scope"):
        assert getattr(auth, name) is None
    for name in ("code_verifier", "code_challenge", "oauth2_session", "access_token"):
        assert getattr(auth, name) is None
    assert auth.get_code_verifier() is None and auth.get_code_challenge() is None


def test_the_url_has_the_same_parameters(make):
    auth = make(client_id="an-id&=", redirect_uri="https://a.example/b?c=d&e", scope="p q")
    url = auth.get_authorization_url(state="a-state")
    assert url.startswith(
        "https://x.com/i/oauth2/authorize?response_type=code&client_id=an-id%26%3D"
    )
    assert query(url) == [
        ("response_type", "code"),
        ("client_id", "an-id&="),
        ("redirect_uri", "https://a.example/b?c=d&e"),
        ("scope", "p q"),
        ("state", "a-state"),
        ("code_challenge", auth.get_code_challenge()),
        ("code_challenge_method", "S256"),
    ]
    assert auth.get_code_challenge() == challenge_of(auth.get_code_verifier())


def test_a_url_without_scope_and_state_has_no_scope_and_a_random_state(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    first, second = (dict(query(auth.get_authorization_url())) for _ in range(2))
    assert "scope" not in first
    assert first["state"] != second["state"] and len(first["state"]) >= 30


def test_a_set_pair_is_used_by_the_next_url(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    verifier = "v" * 43
    auth.set_pkce_parameters(verifier)
    assert auth.get_code_verifier() == auth.code_verifier == verifier
    assert auth.get_code_challenge() == auth.code_challenge == challenge_of(verifier)
    assert dict(query(auth.get_authorization_url()))["code_challenge"] == challenge_of(verifier)


def test_a_set_challenge_is_taken_as_it_is(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.set_pkce_parameters("v" * 43, "c" * 43)
    assert auth.get_code_challenge() == "c" * 43
    auth.set_pkce_parameters(code_verifier="w" * 43, code_challenge="d" * 43)
    assert dict(query(auth.get_authorization_url()))["code_challenge"] == "d" * 43


def test_a_pair_that_is_set_to_none_is_gone(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.set_pkce_parameters("v" * 43)
    auth.code_verifier = None
    assert auth.get_code_verifier() is None
    auth.get_authorization_url()
    assert auth.get_code_verifier() not in (None, "v" * 43)


@pytest.mark.parametrize(
    "name", ["base_url", "client_id", "client_secret", "redirect_uri", "scope"]
)
def test_an_attribute_is_what_it_was_set_to(make, name):
    auth = make(client_id="id")
    setattr(auth, name, "https://a.example")
    assert getattr(auth, name) == "https://a.example"


def test_settings_that_change_change_the_next_url(make):
    auth = make(client_id="id", redirect_uri="https://a.example/", scope=["p"])
    auth.get_authorization_url()
    auth.client_id, auth.scope = "another", "q r"
    auth.redirect_uri, auth.authorization_base_url = "https://b.example/", "https://c.example"
    url = auth.get_authorization_url()
    assert url.startswith("https://c.example/oauth2/authorize?")
    asked = dict(query(url))
    assert asked["client_id"] == "another" and asked["scope"] == "q r"
    assert asked["redirect_uri"] == "https://b.example/"


def test_other_attributes_can_be_added(make):
    auth = make()
    auth.user = "ada"
    assert auth.user == "ada"


def test_the_access_token_cannot_be_set(make):
    with pytest.raises(AttributeError):
        make().access_token = "a"


def test_the_token_dict_is_live(make):
    token = {"access_token": "a", "expires_at": time.time() + 60}
    auth = make(client_id="id", token=token)
    assert auth.token is token
    assert auth.access_token == "a" and not auth.is_token_expired()
    auth.token["access_token"] = "b"
    auth.token["expires_at"] = time.time() + 9
    assert auth.access_token == "b" and auth.is_token_expired()
    auth.token = None
    assert auth.access_token is None and auth.is_token_expired()


@pytest.mark.parametrize(
    ("token", "is_expired"),
    [
        (None, True),
        ({}, True),
        ({"access_token": "a"}, True),
        ({"access_token": "a", "expires_at": 0}, True),
        ({"access_token": "a", "expires_at": 9}, True),
        ({"access_token": "a", "expires_at": 11}, False),
        ({"access_token": "a", "expires_at": float("inf")}, False),
    ],
)
def test_a_token_is_expired_ten_seconds_early(make, token, is_expired):
    if token and "expires_at" in token and token["expires_at"]:
        token = token | {"expires_at": time.time() + token["expires_at"]}
    assert make(client_id="id", token=token).is_token_expired() is is_expired


def test_it_asks_the_clock_that_tests_move(make, monkeypatch):
    auth = make(client_id="id", token={"access_token": "a", "expires_at": time.time() + 7200})
    later = time.time() + 7195
    monkeypatch.setattr(time, "time", lambda: later)
    assert auth.is_token_expired()


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
    code = dict(query(x.approve(auth.get_authorization_url())))["code"]
    token = auth.exchange_code(code)
    assert x.whoami(token["access_token"]) == 200


def test_it_finishes_in_another_object_with_the_verifier(x, make):
    first = make(**x.settings())
    callback = x.approve(first.get_authorization_url())
    second = make(**x.settings())
    second.set_pkce_parameters(first.get_code_verifier())
    assert x.whoami(second.fetch_token(callback)["access_token"]) == 200
    third = make(**x.settings())
    code = dict(query(x.approve(first.get_authorization_url())))["code"]
    third.exchange_code(code, first.get_code_verifier())
    assert x.whoami(third.access_token) == 200


def test_without_offline_access_there_is_no_refresh_token(x, make):
    auth = make(**x.settings(scope="tweet.read users.read"))
    token = auth.fetch_token(x.approve(auth.get_authorization_url()))
    assert token["refresh_token"] is None


def test_it_refreshes(x, make, signed_in):
    auth = signed_in(make)
    first = dict(auth.token)
    second = auth.refresh_token()
    assert auth.token is second and auth.access_token == second["access_token"]
    assert set(second) == set(KEYS)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["expires_in"] == 7200
    assert abs(second["expires_at"] - time.time() - 7200) < 5
    assert x.whoami(first["access_token"]) == 401 and x.whoami(second["access_token"]) == 200
    auth.refresh_token()
    assert x.counters()["refreshes"] == 2 and x.counters()["replays"] == 0


def test_it_refreshes_a_token_that_was_saved(x, make, signed_in):
    saved = json.loads(json.dumps(signed_in(make).token))
    later = make(**x.settings(token=saved))
    assert x.whoami(later.refresh_token()["access_token"]) == 200


def test_an_answer_without_a_refresh_token_keeps_the_old_one(x, make, signed_in):
    auth = signed_in(make)
    kept = auth.token["refresh_token"]
    x.odd("refresh", "no_refresh_token")
    assert auth.refresh_token()["refresh_token"] == kept


def test_the_token_is_pickled_and_written_as_json(make, signed_in):
    auth = signed_in(make)
    assert pickle.loads(pickle.dumps(auth.token)) == auth.token
    assert json.loads(json.dumps(auth.token)) == auth.token


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


def test_a_refresh_without_a_token_is_a_value_error(make):
    with pytest.raises(ValueError, match="^No token to refresh$"):
        make(client_id="id", client_secret="secret").refresh_token()


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
    code = dict(query(callback))["code"]
    with pytest.raises(ValueError, match="^HTTP error! status: 400, "):
        auth.exchange_code(code, verifier)
    assert x.whoami(auth.access_token) == 200


def test_a_subclass_sees_what_the_class_does(x, make):
    class Saving(make):
        def __init__(self, path: str, **settings: Any) -> None:
            super().__init__(**settings)
            self.path, self.saved = path, []

        def exchange_code(self, code: str, code_verifier: Any = None) -> Any:
            token = super().exchange_code(code, code_verifier)
            self.saved.append(("exchanged", token["access_token"]))
            return token

        def refresh_token(self) -> Any:
            token = super().refresh_token()
            self.saved.append(("refreshed", token["access_token"]))
            return token

    auth = Saving("a-path", **x.settings())
    first = auth.fetch_token(x.approve(auth.get_authorization_url()))["access_token"]
    second = auth.refresh_token()["access_token"]
    assert auth.path == "a-path"
    assert auth.saved == [("exchanged", first), ("refreshed", second)]
    assert isinstance(auth, make)


def test_the_session_calls_the_api(x, make, signed_in):
    auth = signed_in(make)
    answer = auth.oauth2_session.get(f"{x.base_url}/2/users/me")
    assert answer.status_code == 200
    auth.refresh_token()
    assert auth.oauth2_session.get(f"{x.base_url}/2/users/me").status_code == 200


def test_there_is_a_session_once_there_is_a_url_or_a_token(make):
    assert make(client_id="id").oauth2_session is None
    token = {"access_token": "a", "token_type": "bearer"}
    assert make(client_id="id", token=token).oauth2_session.token == token
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.get_authorization_url()
    assert auth.oauth2_session.redirect_uri == "https://a.example/"


def test_the_session_can_be_set(make):
    auth, session = make(), object()
    auth.oauth2_session = session
    assert auth.oauth2_session is session


def test_a_scope_list_that_is_changed_in_place_changes_the_next_url(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.scope = ["p"]
    assert dict(query(auth.get_authorization_url()))["scope"] == "p"
    auth.scope.append("q")
    assert dict(query(auth.get_authorization_url()))["scope"] == "p q"


@pytest.mark.parametrize("scope", [("p", "q"), "p q"])
def test_scopes_are_one_text_or_several(make, scope):
    auth = make(client_id="id", redirect_uri="https://a.example/", scope=scope)
    assert dict(query(auth.get_authorization_url()))["scope"] == "p q"


@pytest.mark.parametrize("scope", [[], ""])
def test_no_scopes_are_left_out(make, scope):
    auth = make(client_id="id", redirect_uri="https://a.example/", scope=scope)
    assert "scope" not in dict(query(auth.get_authorization_url()))


def test_a_scope_that_is_no_text_is_refused(make):
    with pytest.raises(TypeError):
        make(client_id="id", scope=["p", 5])
    with pytest.raises(ValueError):
        make(client_id="id", redirect_uri="https://a.example/", scope=5).get_authorization_url()


@pytest.mark.parametrize(
    ("state", "sent"),
    [(5, "5"), (b"bytes", "bytes"), (1.5, "1.5"), (True, "True"), (lambda: "called", "called")],
)
def test_a_state_of_another_type_is_sent_as_its_text(make, state, sent):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    assert dict(query(auth.get_authorization_url(state)))["state"] == sent


@pytest.mark.parametrize("state", [0, "", b"", None, False])
def test_an_empty_state_is_a_random_one(make, state):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    assert len(dict(query(auth.get_authorization_url(state)))["state"]) >= 30


@pytest.mark.parametrize(("client_id", "sent"), [(5, "5"), (b"id", "id")])
def test_a_client_id_of_another_type_is_sent_as_its_text(wire, make, client_id, sent):
    auth = make(wire.base_url, client_id=client_id, redirect_uri="https://a.example/")
    assert dict(query(auth.get_authorization_url()))["client_id"] == sent
    auth.exchange_code("code")
    assert wire.requests[-1].form["client_id"] == sent


def test_a_base_url_of_another_type_is_its_text(wire, make):
    class Url:
        def __str__(self) -> str:
            return wire.base_url

    make(Url(), client_id="id", redirect_uri="https://a.example/").exchange_code("c", "v" * 43)
    assert wire.requests[-1].path == "/2/oauth2/token"


def test_the_end_is_a_fraction_after_an_exchange_and_whole_after_a_refresh(make, signed_in):
    auth = signed_in(make)
    assert type(auth.token["expires_at"]) is float
    assert type(auth.refresh_token()["expires_at"]) is int


def test_a_pair_is_put_back_in_any_order(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.code_challenge = "c" * 43
    auth.code_verifier = "v" * 43
    assert (auth.get_code_verifier(), auth.get_code_challenge()) == ("v" * 43, "c" * 43)
    assert dict(query(auth.get_authorization_url()))["code_challenge"] == "c" * 43
