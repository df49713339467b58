"""Where X's own class is wrong about a refresh, ours is right; both must differ."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from both import outcome

import xpkce


def test_a_public_client_refreshes(x, both):
    def steps(make):
        auth = make(**x.settings(confidential=False))
        auth.fetch_token(x.approve(auth.get_authorization_url()))
        return auth.refresh_token()

    theirs, ours = both(steps)
    assert "client_secret is required" in str(theirs)
    assert x.whoami(ours["access_token"]) == 200


def test_a_new_url_does_not_disturb_the_token_in_hand(x, both, signed_in):
    def steps(make):
        auth = signed_in(make)
        auth.get_authorization_url()
        return auth.refresh_token()

    theirs, ours = both(steps)
    assert isinstance(theirs, Exception)
    assert x.whoami(ours["access_token"]) == 200


def test_another_order_of_scopes_does_not_lose_the_pair(x, both, signed_in, monkeypatch):
    def steps(make):
        auth = signed_in(make)
        x.odd("refresh", "fewer_scopes")
        return outcome(auth.refresh_token), auth.token["access_token"]

    monkeypatch.delenv("OAUTHLIB_RELAX_TOKEN_SCOPE")
    (theirs, lost), (ours, kept) = both(steps)
    assert isinstance(theirs, Warning) and x.whoami(lost) == 401
    assert ours["access_token"] == kept and x.whoami(kept) == 200


def test_the_refresh_asks_for_no_scope(wire, both):
    def steps(make):
        token = {"access_token": "a", "refresh_token": "r", "token_type": "bearer"}
        auth = make(wire.base_url, client_id="id", client_secret="s", token=token, scope="p q")
        auth.refresh_token()
        return wire.requests[-1].form

    theirs, ours = both(steps)
    assert theirs["scope"] == "p q"
    assert ours == {"grant_type": "refresh_token", "refresh_token": "r", "client_id": "id"}


def test_a_refresh_answers_with_scope_as_one_text(both, x, signed_in):
    theirs, ours = both(lambda make: signed_in(make).refresh_token()["scope"])
    assert isinstance(ours, str)
    assert isinstance(theirs, list)


def test_a_success_that_is_no_json_is_an_error_of_its_kind(x, both, signed_in):
    def steps(make):
        auth = signed_in(make)
        x.fault("refresh", "html_inside200")
        return outcome(auth.refresh_token), auth.access_token

    (theirs, _), (ours, kept) = both(steps)
    assert not isinstance(theirs, dict)
    assert isinstance(ours, xpkce.InDoubtError) and kept


def test_a_new_refresh_token_that_comes_alone_is_spent_at_once(x, ours, signed_in):
    auth = signed_in(ours)
    x.odd("refresh", "no_access_token")
    assert x.whoami(auth.refresh_token()["access_token"]) == 200
    assert x.counters()["refreshes"] == 2


def test_a_new_refresh_token_is_kept_when_no_access_token_follows(x, ours, signed_in):
    auth = signed_in(ours)
    first = auth.token["refresh_token"]
    x.odd("refresh", "no_access_token")
    x.fault("refresh", {"kind": "status", "status": 503, "body": "empty"}, nth=2, times=2)
    with pytest.raises(xpkce.XpkceError):
        auth.refresh_token()
    assert auth.token["refresh_token"] != first and auth.is_token_expired()
    assert x.whoami(auth.refresh_token()["access_token"]) == 200


def test_an_access_token_that_never_came_is_none(x, ours, signed_in):
    refresh_token = signed_in(ours).token["refresh_token"]
    auth = ours(**x.settings(token={"refresh_token": refresh_token}))
    x.odd("refresh", "no_access_token")
    x.fault("refresh", {"kind": "status", "status": 503, "body": "empty"}, nth=2, times=2)
    with pytest.raises(xpkce.XpkceError):
        auth.refresh_token()
    assert auth.token["refresh_token"] != refresh_token
    assert auth.access_token is None and auth.token["access_token"] is None
    assert x.whoami(auth.refresh_token()["access_token"]) == 200


def test_concurrent_refreshes_spend_one_token(x, both, signed_in):
    def steps(make):
        auth = signed_in(make)
        before = x.counters()["token_requests"]
        gate, results = threading.Barrier(8), []

        def refresh() -> None:
            gate.wait()
            results.append(outcome(auth.refresh_token))

        threads = [threading.Thread(target=refresh) for _ in range(8)]
        x.fault("refresh", {"kind": "slow"}, delay_ms=2000)
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        failures = [result for result in results if isinstance(result, Exception)]
        return x.counters()["token_requests"] - before, len(failures), x.whoami(auth.access_token)

    theirs, ours = both(steps)
    assert theirs[0] == 8 and theirs[1] > 0
    assert ours == (1, 0, 200)


@pytest.mark.slow
def test_a_server_that_never_answers_does_not_hold_the_caller_for_ever(x, both, signed_in):
    """Ten seconds to connect and thirty to answer, twice: a lost answer is asked for again."""

    def steps(make):
        auth = signed_in(make)
        x.fault("refresh", {"kind": "slow"}, delay_ms=300_000, times=None)
        results: list[Any] = []
        caller = threading.Thread(target=lambda: results.append(outcome(auth.refresh_token)))
        caller.daemon = True
        caller.start()
        caller.join(85)
        return results

    theirs, ours = both(steps)
    assert theirs == []
    assert isinstance(ours[0], xpkce.InDoubtError)


def test_keys_of_ones_own_are_kept_by_a_refresh(wire, both):
    def steps(make):
        token = {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "user": "ada"}
        auth = make(wire.base_url, client_id="id", client_secret="s", token=token)
        return auth.refresh_token().get("user")

    assert both(steps) == (None, "ada")


def test_the_session_has_the_token_that_was_set(both):
    def steps(make):
        auth = make(client_id="id", token={"access_token": "a", "token_type": "bearer"})
        assert auth.oauth2_session.token["access_token"] == "a"
        auth.token = {"access_token": "b", "token_type": "bearer"}
        return auth.oauth2_session.token["access_token"]

    assert both(steps) == ("a", "b")


@pytest.mark.parametrize("nothing", [None, {}])
def test_the_session_does_not_go_on_with_a_token_that_was_forgotten(both, nothing):
    def steps(make):
        auth = make(client_id="id", token={"access_token": "a", "token_type": "bearer"})
        assert auth.oauth2_session.token["access_token"] == "a"
        auth.token = nothing
        session = auth.oauth2_session
        return session and session.token.get("access_token")

    assert both(steps) == ("a", None)


def test_the_session_gets_a_token_that_was_set_while_it_was_given_another(ours):
    last = {"access_token": "last"}

    class Busy:
        @property
        def token(self) -> Any:
            return self._token

        @token.setter
        def token(self, token: Any) -> None:
            self._token = token
            if token is not last:
                auth.token = last

    auth = ours(client_id="id", token={"access_token": "a"})
    auth.oauth2_session = Busy()
    auth.token = {"access_token": "b"}
    assert auth.oauth2_session.token == {"access_token": "b"}
    assert auth.oauth2_session.token is last


def test_the_refresh_spends_the_token_that_was_set_and_not_the_sessions(wire, both):
    def steps(make):
        token = {"access_token": "a", "refresh_token": "r", "token_type": "bearer"}
        auth = make(wire.base_url, client_id="id", client_secret="s", token=token)
        assert auth.oauth2_session
        auth.token = token | {"refresh_token": "mine"}
        auth.refresh_token()
        return wire.requests[-1].form["refresh_token"]

    assert both(steps) == ("r", "mine")
