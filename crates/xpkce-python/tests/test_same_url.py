"""The authorize URL and its PKCE pair are those of X's own class."""

from __future__ import annotations

import base64
import hashlib

import pytest
from addresses import query


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_the_url_has_the_same_parameters(make):
    auth = make(client_id="an-id&=", redirect_uri="https://a.example/b?c=d&e", scope="p q")
    url = auth.get_authorization_url(state="a-state")
    assert url.startswith(
        "https://x.com/i/oauth2/authorize?response_type=code&client_id=an-id%26%3D"
    )
    assert list(query(url).items()) == [
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
    first, second = (query(auth.get_authorization_url()) for _ in range(2))
    assert "scope" not in first
    assert first["state"] != second["state"] and len(first["state"]) >= 30


def test_a_set_pair_is_used_by_the_next_url(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    verifier = "v" * 43
    auth.set_pkce_parameters(verifier)
    assert auth.get_code_verifier() == auth.code_verifier == verifier
    assert auth.get_code_challenge() == auth.code_challenge == challenge_of(verifier)
    assert query(auth.get_authorization_url())["code_challenge"] == challenge_of(verifier)


def test_a_set_challenge_is_taken_as_it_is(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.set_pkce_parameters("v" * 43, "c" * 43)
    assert auth.get_code_challenge() == "c" * 43
    auth.set_pkce_parameters(code_verifier="w" * 43, code_challenge="d" * 43)
    assert query(auth.get_authorization_url())["code_challenge"] == "d" * 43


def test_a_pair_that_is_set_to_none_is_gone(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.set_pkce_parameters("v" * 43)
    auth.code_verifier = None
    assert auth.get_code_verifier() is None
    auth.get_authorization_url()
    assert auth.get_code_verifier() not in (None, "v" * 43)


def test_a_pair_is_put_back_in_any_order(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.code_challenge = "c" * 43
    auth.code_verifier = "v" * 43
    assert (auth.get_code_verifier(), auth.get_code_challenge()) == ("v" * 43, "c" * 43)
    assert query(auth.get_authorization_url())["code_challenge"] == "c" * 43


def test_settings_that_change_change_the_next_url(make):
    auth = make(client_id="id", redirect_uri="https://a.example/", scope=["p"])
    auth.get_authorization_url()
    auth.client_id, auth.scope = "another", "q r"
    auth.redirect_uri, auth.authorization_base_url = "https://b.example/", "https://c.example"
    url = auth.get_authorization_url()
    assert url.startswith("https://c.example/oauth2/authorize?")
    asked = query(url)
    assert asked["client_id"] == "another" and asked["scope"] == "q r"
    assert asked["redirect_uri"] == "https://b.example/"


def test_a_scope_list_that_is_changed_in_place_changes_the_next_url(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.scope = ["p"]
    assert query(auth.get_authorization_url())["scope"] == "p"
    auth.scope.append("q")
    assert query(auth.get_authorization_url())["scope"] == "p q"


@pytest.mark.parametrize("scope", [("p", "q"), "p q"])
def test_scopes_are_one_text_or_several(make, scope):
    auth = make(client_id="id", redirect_uri="https://a.example/", scope=scope)
    assert query(auth.get_authorization_url())["scope"] == "p q"


@pytest.mark.parametrize("scope", [[], ""])
def test_no_scopes_are_left_out(make, scope):
    auth = make(client_id="id", redirect_uri="https://a.example/", scope=scope)
    assert "scope" not in query(auth.get_authorization_url())


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
    assert query(auth.get_authorization_url(state))["state"] == sent


@pytest.mark.parametrize("state", [0, "", b"", None, False])
def test_an_empty_state_is_a_random_one(make, state):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    assert len(query(auth.get_authorization_url(state))["state"]) >= 30
