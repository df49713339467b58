"""Subclasses: what the reference does by assignments and calls, ours lets them see too."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from addresses import query


def test_a_token_property_saves_every_token(x, make):
    class Saving(make):
        saved: list[Any] = []

        @property
        def token(self) -> Any:
            return self._token

        @token.setter
        def token(self, token: Any) -> None:
            self._token = token
            self.saved.append(token and token["access_token"])

    auth = Saving(**x.settings())
    first = auth.fetch_token(x.approve(auth.get_authorization_url()))
    assert auth.access_token == first["access_token"] and not auth.is_token_expired()
    second = auth.refresh_token()
    assert auth.token is second and x.whoami(auth.access_token) == 200
    assert auth.saved == [None, first["access_token"], second["access_token"]]


def test_setattr_sees_every_assignment(x, make):
    class Watching(make):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            self.__dict__.setdefault("seen", []).append(name)

    auth = Watching(**x.settings())
    began = [
        *("base_url", "authorization_base_url", "client_id", "client_secret", "redirect_uri"),
        *("token", "scope", "oauth2_session", "code_verifier", "code_challenge"),
    ]
    assert auth.seen == began
    callback = x.approve(auth.get_authorization_url())
    assert {"code_verifier", "code_challenge"} <= set(auth.seen[len(began) :])
    auth.fetch_token(callback)
    assert auth.seen.count("token") == 2
    auth.refresh_token()
    assert auth.seen.count("token") == 3
    assert x.whoami(auth.access_token) == 200


def test_its_own_verifier_and_challenge_are_used(x, make):
    class Own(make):
        def _generate_code_verifier(self, length: int = 128) -> str:
            return "own-" + super()._generate_code_verifier(length)[:60]

        def _generate_code_challenge(self, code_verifier: str) -> str:
            self.asked = code_verifier
            return super()._generate_code_challenge(code_verifier)

    auth = Own(**x.settings())
    url = auth.get_authorization_url()
    assert auth.get_code_verifier().startswith("own-") and auth.asked == auth.get_code_verifier()
    assert query(url)["code_challenge"] == auth.get_code_challenge()
    assert x.whoami(auth.fetch_token(x.approve(url))["access_token"]) == 200
    auth.set_pkce_parameters("v" * 43)
    assert auth.asked == "v" * 43


def test_a_patched_object_makes_its_own_verifier(make, monkeypatch):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    monkeypatch.setattr(auth, "_generate_code_verifier", lambda: "p" * 50)
    auth.get_authorization_url()
    assert auth.get_code_verifier() == "p" * 50


def test_a_generated_verifier_is_as_long_as_asked(make):
    auth = make()
    assert len(auth._generate_code_verifier()) == 128
    assert (
        len(auth._generate_code_verifier(50)) == len(auth._generate_code_verifier(length=50)) == 50
    )
    rfc7636 = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert auth._generate_code_challenge(rfc7636) == challenge


def test_a_verifier_property_finishes_in_another_object(x, make):
    """As web applications do: the verifier waits in the user's session."""
    session: dict[str, Any] = {}

    class InSession(make):
        @property
        def code_verifier(self) -> Any:
            return session.get("verifier")

        @code_verifier.setter
        def code_verifier(self, value: Any) -> None:
            if value is not None:
                session["verifier"] = value

    callback = x.approve(InSession(**x.settings()).get_authorization_url())
    assert session["verifier"]
    assert x.whoami(InSession(**x.settings()).fetch_token(callback)["access_token"]) == 200


def test_settings_that_are_properties_are_asked_at_each_call(x, make):
    settings = x.settings()
    secret = settings.pop("client_secret")

    class FromVault(make):
        @property
        def client_secret(self) -> str:
            return secret

        @client_secret.setter
        def client_secret(self, value: Any) -> None:
            pass

    auth = FromVault(**settings)
    auth.fetch_token(x.approve(auth.get_authorization_url()))
    assert x.whoami(auth.refresh_token()["access_token"]) == 200


def test_its_own_session_is_set_up(x, make, signed_in):
    class Set(make):
        def _setup_oauth_session(self) -> None:
            super()._setup_oauth_session()
            self.oauth2_session.headers["X-Own"] = "yes"

    auth = Set(**x.settings())
    auth.fetch_token(x.approve(auth.get_authorization_url()))
    assert auth.oauth2_session.headers["X-Own"] == "yes"
    again = Set(**x.settings(token=dict(auth.token)))
    assert again.oauth2_session.headers["X-Own"] == "yes"


def test_its_own_way_of_being_pickled_is_used(make):
    class Described(make):
        def __reduce__(self) -> Any:
            return str, (self.client_id,)

    auth = Described(client_id="id", client_secret="secret")
    assert pickle.loads(pickle.dumps(auth)) == copy.copy(auth) == "id"


def test_a_pair_that_a_subclass_could_not_save_is_handed_over_again(x, ours):
    """In the reference it would be lost: X has rotated."""

    class Failing(ours):
        is_down = False

        @property
        def token(self) -> Any:
            return self._token

        @token.setter
        def token(self, token: Any) -> None:
            if self.is_down:
                raise ConnectionError("the database is down")
            self._token = token

    auth = Failing(**x.settings())
    auth.fetch_token(x.approve(auth.get_authorization_url()))
    auth.is_down = True
    with pytest.raises(ConnectionError):
        auth.refresh_token()
    auth.is_down = False
    assert x.whoami(auth.refresh_token()["access_token"]) == 200
    assert x.counters()["refreshes"] == 1 and x.whoami(auth.access_token) == 200


def test_a_property_over_our_own_attribute_works(x, ours):
    class Saving(ours):
        saves = 0

        @property
        def token(self) -> Any:
            return super().token

        @token.setter
        def token(self, token: Any) -> None:
            ours.token.__set__(self, token)
            self.saves += 1

    auth = Saving(**x.settings())
    auth.fetch_token(x.approve(auth.get_authorization_url()))
    auth.refresh_token()
    assert auth.saves == 3 and x.whoami(auth.access_token) == 200
