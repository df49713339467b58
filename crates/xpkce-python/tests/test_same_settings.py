"""The constructor, the methods and the attributes are those of X's own class."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest
from addresses import query

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


@pytest.mark.skipif(
    sys.version_info < (3, 10), reason="3.9 reads no signature of a class that is not Python's"
)
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


@pytest.mark.parametrize(
    "name", ["base_url", "client_id", "client_secret", "redirect_uri", "scope"]
)
def test_an_attribute_is_what_it_was_set_to(make, name):
    auth = make(client_id="id")
    setattr(auth, name, "https://a.example")
    assert getattr(auth, name) == "https://a.example"


def test_other_attributes_can_be_added(make):
    auth = make()
    auth.user = "ada"
    assert auth.user == "ada"


def test_the_access_token_cannot_be_set(make):
    with pytest.raises(AttributeError):
        make().access_token = "a"


@pytest.mark.parametrize(("client_id", "sent"), [(5, "5"), (b"id", "id")])
def test_a_client_id_of_another_type_is_sent_as_its_text(wire, make, client_id, sent):
    auth = make(wire.base_url, client_id=client_id, redirect_uri="https://a.example/")
    assert query(auth.get_authorization_url())["client_id"] == sent
    auth.exchange_code("code")
    assert wire.requests[-1].form["client_id"] == sent


def test_a_base_url_of_another_type_is_its_text(wire, make):
    class Url:
        def __str__(self) -> str:
            return wire.base_url

    make(Url(), client_id="id", redirect_uri="https://a.example/").exchange_code("c", "v" * 43)
    assert wire.requests[-1].path == "/2/oauth2/token"


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
