"""The token in hand is that of X's own class: its dict, its end, its refresh and its session."""

from __future__ import annotations

import json
import pickle
import time

import pytest
from requests.auth import HTTPBasicAuth

KEYS = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "expires_at"]


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


@pytest.mark.parametrize("token", ["a text", ["a list"], {"an end": "of another name"}.items()])
def test_a_token_that_is_no_dict_is_expired(make, token):
    assert make(client_id="id", token=token).is_token_expired()


def test_it_asks_the_clock_that_tests_move(make, monkeypatch):
    auth = make(client_id="id", token={"access_token": "a", "expires_at": time.time() + 7200})
    later = time.time() + 7195
    monkeypatch.setattr(time, "time", lambda: later)
    assert auth.is_token_expired()


def test_a_new_token_ends_by_the_clock_that_tests_move(wire, make, monkeypatch):
    auth = make(wire.base_url, client_id="id", client_secret="s")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    auth.exchange_code("c", "v" * 43)
    assert not auth.is_token_expired() and abs(auth.token["expires_at"] - 2e9 - 7200) < 5
    auth.refresh_token()
    assert not auth.is_token_expired() and abs(auth.token["expires_at"] - 2e9 - 7200) < 5


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


def test_a_refresh_without_a_token_is_a_value_error(make):
    with pytest.raises(ValueError, match="^No token to refresh$"):
        make(client_id="id", client_secret="secret").refresh_token()


def test_the_end_is_a_fraction_after_an_exchange_and_whole_after_a_refresh(make, signed_in):
    auth = signed_in(make)
    assert type(auth.token["expires_at"]) is float
    assert type(auth.refresh_token()["expires_at"]) is int


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


def test_the_session_stays_when_a_token_is_set(make):
    auth = make(client_id="id", token={"access_token": "a", "token_type": "bearer"})
    session = auth.oauth2_session
    auth.token = {"access_token": "b", "token_type": "bearer"}
    assert auth.oauth2_session is session


def test_a_refresh_goes_on_from_what_the_session_refreshed_by_itself(x, make, signed_in):
    auth = signed_in(make)
    basic = HTTPBasicAuth(auth.client_id, auth.client_secret)
    auth.oauth2_session.refresh_token(f"{x.base_url}/2/oauth2/token", auth=basic)
    assert x.whoami(auth.refresh_token()["access_token"]) == 200
    assert x.counters()["refreshes"] == 2 and x.counters()["replays"] == 0


def test_an_object_that_is_set_up_again_forgets_its_pair_and_its_session(make):
    auth = make(client_id="id", redirect_uri="https://a.example/")
    auth.get_authorization_url()
    auth.__init__(client_id="two")
    assert (auth.code_verifier, auth.code_challenge, auth.oauth2_session) == (None, None, None)
