"""Where X's own class is wrong about a sign-in, ours is right; both must differ."""

from __future__ import annotations

import time

import pytest
from addresses import query
from both import outcome
from wire import TOKEN

import xpkce


def test_a_callback_with_another_state_is_refused(x, both):
    def steps(make):
        auth = make(**x.settings())
        return auth.fetch_token(
            x.approve(auth.get_authorization_url()).replace("state=", "state=other")
        )

    theirs, ours = both(steps)
    assert theirs["access_token"]
    assert isinstance(ours, xpkce.SignInError) and ours.reason == "state_mismatch"


def test_a_callback_without_a_state_is_refused(x, both):
    def steps(make):
        auth = make(**x.settings())
        code = query(x.approve(auth.get_authorization_url()))["code"]
        return auth.fetch_token(f"{auth.redirect_uri}?code={code}")

    theirs, ours = both(steps)
    assert theirs["access_token"]
    assert isinstance(ours, xpkce.SignInError) and ours.reason == "malformed_callback"


def test_a_denial_is_called_one(both):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/")
        state = query(auth.get_authorization_url())["state"]
        auth.fetch_token(f"https://a.example/?error=access_denied&state={state}")

    theirs, ours = both(steps)
    assert str(theirs) == "No authorization code found in callback URL"
    assert isinstance(ours, xpkce.SignInError) and ours.reason == "denied"


def test_every_sign_in_has_a_verifier_of_its_own(both):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/")
        return {query(auth.get_authorization_url())["code_challenge"] for _ in range(3)}

    theirs, ours = both(steps)
    assert (len(theirs), len(ours)) == (1, 3)


def test_two_open_tabs_can_both_be_finished(x, ours):
    auth = ours(**x.settings())
    urls = [auth.get_authorization_url() for _ in range(2)]
    for callback in [x.approve(url) for url in urls]:
        assert x.whoami(auth.fetch_token(callback)["access_token"]) == 200


def test_a_verifier_that_is_set_alone_is_used(both):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/")
        auth.code_verifier = "v" * 43
        auth.get_authorization_url()
        return auth.code_verifier == "v" * 43

    assert both(steps) == (False, True)


def test_a_url_that_x_would_refuse_is_not_made(both):
    theirs, ours = both(lambda make: make().get_authorization_url())
    assert "client_id=None" in theirs
    assert isinstance(ours, xpkce.ConfigureError)


def test_a_space_in_the_url_is_written_as_x_documents_it(both):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/", scope="p q")
        return "scope=p%20q" in auth.get_authorization_url()

    assert both(steps) == (False, True)


@pytest.mark.parametrize("state", ["s" * 501, "\N{SNOWMAN}", "a b", {"a": 1}])
def test_a_state_that_x_refuses_or_mangles_is_refused(both, state):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/")
        return "state=" in auth.get_authorization_url(state)

    theirs, ours = both(steps)
    assert theirs is True
    assert isinstance(ours, xpkce.ConfigureError) and ours.reason == "invalid_setting"


def test_a_scope_that_no_scope_can_be_is_refused(both):
    def steps(make):
        settings = {"client_id": "id", "redirect_uri": "https://a.example/"}
        return (
            "scope="
            in make(
                **settings, scope="tweet.r\N{LATIN SMALL LETTER E WITH ACUTE}ad"
            ).get_authorization_url()
        )

    theirs, ours = both(steps)
    assert theirs is True
    assert isinstance(ours, xpkce.ConfigureError)


def test_an_exchange_without_an_access_token_is_an_error_and_the_earlier_token_stays(wire, both):
    def steps(make):
        earlier = {"access_token": "earlier", "token_type": "bearer"}
        auth = make(wire.base_url, client_id="id", token=earlier)
        wire.answer({"token_type": "bearer", "scope": "tweet.read"})
        return outcome(lambda: auth.exchange_code("code", "v" * 43)), auth.access_token

    (theirs, lost), (ours, kept) = both(steps)
    assert theirs["access_token"] is None and lost is None
    assert isinstance(ours, (xpkce.ProtocolError, xpkce.InDoubtError)) and kept == "earlier"


@pytest.mark.parametrize(
    ("odd", "seconds"),
    [
        ("no_expires_in", 7200),
        ("expires_in_zero", 7200),
        ("expires_in_negative", 7200),
        ("expires_in_string", 7200),
    ],
)
def test_an_odd_expires_in_makes_a_token_with_an_end(x, both, odd, seconds):
    def steps(make):
        auth = make(**x.settings())
        callback = x.approve(auth.get_authorization_url())
        x.odd("exchange", odd)
        return auth.fetch_token(callback), auth.is_token_expired()

    theirs, ours = both(steps)
    assert isinstance(theirs, Exception) or theirs[1]
    token, is_expired = ours
    assert not is_expired and token["expires_in"] == seconds
    assert abs(token["expires_at"] - time.time() - seconds) < 5


@pytest.mark.parametrize("verifier", ["v" * 129, "v" * 42 + " ", "\N{SNOWMAN}" * 43])
def test_a_verifier_that_rfc_7636_does_not_allow_is_refused(both, verifier):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/")
        auth.set_pkce_parameters(verifier)
        return auth.get_code_verifier()

    theirs, ours = both(steps)
    assert theirs == verifier
    assert isinstance(ours, xpkce.ConfigureError) and ours.reason == "invalid_setting"


def test_other_fields_of_an_answer_are_kept(wire, both):
    def steps(make):
        wire.answer(TOKEN | {"user_id": "5", "flags": [1, {"a": None}]})
        token = make(wire.base_url, client_id="id").exchange_code("code", "v" * 43)
        return token.get("user_id"), token.get("flags")

    assert both(steps) == ((None, None), ("5", [1, {"a": None}]))
