"""What a sign-in brings after Ctrl-C comes into the object, unless its owner knows better."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from interrupted import Held, interrupted, lands_unseen
from wire import TOKEN

import xpkce

MINE = {"access_token": "mine", "refresh_token": "mine too"}


class Elsewhere:
    """Keeps the token where nobody sees it set."""

    @property
    def token(self) -> Any:
        return self._token

    @token.setter
    def token(self, token: Any) -> None:
        self._token = token


@pytest.fixture(params=["plain", "a subclass", "elsewhere"])
def auth(request, wire, ours) -> Any:
    bases = {"plain": None, "a subclass": (ours,), "elsewhere": (Elsewhere, ours)}[request.param]
    make = type("Sub", bases, {}) if bases else ours
    return make(wire.base_url, client_id="id", token={"access_token": "old"})


def sign_in_interrupted(wire: Any, auth: Any) -> Held:
    return interrupted(wire, lambda: auth.exchange_code("c", "v" * 43), 200, TOKEN)


def test_it_comes_into_an_object_that_nobody_has_touched(wire, ours, auth):
    lands_unseen(wire, sign_in_interrupted(wire, auth), ours)
    assert auth.is_token_expired() is False and auth.access_token == TOKEN["access_token"]


def test_it_does_not_replace_a_token_that_was_set_since(wire, ours, auth):
    held = sign_in_interrupted(wire, auth)
    auth.token = dict(MINE)
    lands_unseen(wire, held, ours)
    assert auth.is_token_expired() is True and auth.token == MINE


def test_it_does_not_come_back_after_the_token_was_forgotten(wire, ours, auth):
    held = sign_in_interrupted(wire, auth)
    auth.token = None
    lands_unseen(wire, held, ours)
    assert auth.is_token_expired() is True and auth.token is None


def test_it_does_not_replace_what_a_later_sign_in_brought(wire, ours):
    auth = ours(wire.base_url, client_id="id")
    held = sign_in_interrupted(wire, auth)
    wire.answers = later = Held((200, {}, TOKEN | {"access_token": "later"}))
    later.let_go.set()
    auth.exchange_code("c", "v" * 43)
    lands_unseen(wire, held, ours)
    assert auth.is_token_expired() is False and auth.access_token == "later"


def test_it_is_not_lost_when_a_later_sign_in_fails(wire, ours, auth):
    held = sign_in_interrupted(wire, auth)
    wire.answers = later = Held((400, {}, {"error": "invalid_request"}))
    later.let_go.set()
    with pytest.raises(xpkce.XpkceError):
        auth.exchange_code("c", "v" * 43)
    lands_unseen(wire, held, ours)
    assert auth.is_token_expired() is False and auth.access_token == TOKEN["access_token"]


def test_one_that_is_waited_for_replaces_a_token_that_was_set_meanwhile(wire, auth):
    wire.answers = held = Held((200, {}, TOKEN))
    asking = threading.Thread(target=auth.exchange_code, args=("c", "v" * 43))
    asking.start()
    assert held.asked.wait(20)
    auth.token = dict(MINE)
    held.let_go.set()
    asking.join()
    assert auth.access_token == TOKEN["access_token"]
