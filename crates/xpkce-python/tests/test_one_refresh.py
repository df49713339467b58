"""A refresh token is spent once, and its answer goes to who asked with it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from both import outcome
from interrupted import Held, interrupted, lands_unseen
from wire import TOKEN, Wire

import xpkce

R = {"refresh_token": "r"}
BO = {"refresh_token": "b"}
ADAS = {"access_token": "adas", "refresh_token": "adas next"}


def spent(wire: Wire) -> list[str]:
    forms = [request.form for request in wire.requests]
    return [form["refresh_token"] for form in forms if form["client_id"] == "id"]


@pytest.fixture
def auth(wire, ours) -> Any:
    return ours(wire.base_url, client_id="id", token=dict(R))


def refreshes_while_another_is_under_way(
    wire: Wire, auth: Any, answer: tuple[int, Any], *rest: tuple[int, Any]
) -> tuple[Any, Any]:
    """Sets Bo's token and refreshes it while Ada's refresh is under way, which then is answered;
    returns what came of Ada's and of Bo's."""
    came: list[Any] = []
    wire.answers = held = Held((answer[0], {}, answer[1]))
    refreshing = threading.Thread(target=lambda: came.append(outcome(auth.refresh_token)))
    refreshing.start()
    assert held.asked.wait(20)
    auth.token = dict(BO)
    bos = auth.refresh_token()
    assert refreshing.is_alive(), "it was to be under way"
    for status, content in rest:
        wire.answer(content, status)
    held.let_go.set()
    refreshing.join()
    return came[0], bos


def test_a_refresh_does_not_answer_for_another_users_token(wire, auth):
    adas, bos = refreshes_while_another_is_under_way(wire, auth, (200, TOKEN | ADAS))
    assert adas["access_token"] == "adas"
    assert bos is auth.token and bos["access_token"] == TOKEN["access_token"]
    assert spent(wire) == ["r", "b"]


def test_a_refresh_that_fails_takes_no_other_users_token_for_its_own(wire, auth):
    adas, bos = refreshes_while_another_is_under_way(wire, auth, (429, {}))
    assert isinstance(adas, xpkce.RetryError) and auth.token is bos
    auth.token = dict(R)
    auth.refresh_token()
    assert spent(wire) == ["r", "b", "r"]


def test_a_token_that_came_alone_is_kept_though_another_was_set(wire, auth):
    alone = {"refresh_token": "alone", "token_type": "bearer"}
    adas, bos = refreshes_while_another_is_under_way(wire, auth, (200, alone), (429, {}))
    assert isinstance(adas, xpkce.XpkceError) and auth.token is bos
    auth.token = dict(R)
    auth.refresh_token()
    assert spent(wire) == ["r", "b", "alone", "alone"]


def test_a_pair_that_a_subclass_is_saving_answers_for_its_token(wire, ours):
    saving, go_on = threading.Event(), threading.Event()

    class Slow(ours):
        @property
        def token(self) -> Any:
            return self._token

        @token.setter
        def token(self, token: Any) -> None:
            if token and token != R:
                saving.set()
                assert go_on.wait(20)
            self._token = token

    auth, answers = Slow(wire.base_url, client_id="id", token=dict(R)), []
    refreshing = threading.Thread(target=lambda: answers.append(auth.refresh_token()))
    refreshing.start()
    assert saving.wait(20)
    answers.append(auth.refresh_token())
    go_on.set()
    refreshing.join()
    assert answers[0] is answers[1] is auth.token
    assert spent(wire) == ["r"]


def test_the_token_is_read_after_properties_that_take_their_time(wire, ours):
    asking, go_on = threading.Event(), threading.Event()

    class Vault(ours):
        @property
        def scope(self) -> Any:
            if threading.current_thread() is slow:
                asking.set()
                assert go_on.wait(20)
            return None

        @scope.setter
        def scope(self, value: Any) -> None:
            pass

    slow = threading.Thread(target=lambda: auth.refresh_token())
    auth = Vault(wire.base_url, client_id="id", token=dict(R))
    slow.start()
    assert asking.wait(20)
    auth.refresh_token()
    go_on.set()
    slow.join()
    assert spent(wire) == ["r", TOKEN["refresh_token"]]


def test_a_token_that_was_spent_is_not_sent_again(wire, auth):
    pair = auth.refresh_token()
    auth.token = dict(R)
    assert auth.refresh_token() is pair is auth.token
    assert spent(wire) == ["r"]


def test_none_of_the_tokens_that_were_spent_is_sent_again(wire, auth):
    for answer in ("one", "two", "three"):
        wire.answer(TOKEN | {"refresh_token": answer})
    auth.refresh_token()
    auth.token = dict(BO)
    auth.refresh_token()
    auth.token = {"refresh_token": "one"}
    pair = auth.refresh_token()
    for old in ("r", "one"):
        auth.token = {"refresh_token": old}
        assert auth.refresh_token() is pair is auth.token
    assert spent(wire) == ["r", "b", "one"]


def test_a_pair_that_was_changed_in_place_is_not_handed_over(wire, auth):
    auth.refresh_token()
    auth.token.update(BO)
    auth.token = dict(R)
    assert auth.refresh_token()["refresh_token"] == TOKEN["refresh_token"]
    assert spent(wire) == ["r", "r"]


def test_what_came_for_a_spent_token_is_spent_when_it_has_ended(wire, auth):
    wire.answer(TOKEN | {"expires_in": 5})
    auth.refresh_token()
    auth.token = dict(R)
    auth.refresh_token()
    assert spent(wire) == ["r", TOKEN["refresh_token"]]


def test_a_pair_that_is_saved_slowly_does_not_bring_a_spent_token_back(wire, ours):
    saving, go_on = threading.Event(), threading.Event()

    class Slow(ours):
        @property
        def token(self) -> Any:
            return self._token

        @token.setter
        def token(self, token: Any) -> None:
            if threading.current_thread() is slow:
                saving.set()
                assert go_on.wait(20)
            self._token = token

    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(auth.refresh_token()))
    auth = Slow(wire.base_url, client_id="id", token=dict(R))
    wire.answer(TOKEN | {"refresh_token": "one", "expires_in": 5})
    auth.refresh_token()
    auth.token = dict(R)
    slow.start()
    assert saving.wait(20)
    answers.append(auth.refresh_token())
    go_on.set()
    slow.join()
    assert answers[0] is answers[1] is auth.token
    assert spent(wire) == ["r", "one"]


def test_a_subclass_that_keeps_no_token_spends_what_came(wire, ours):
    class Constant(ours):
        @property
        def token(self) -> Any:
            return dict(R)

        @token.setter
        def token(self, token: Any) -> None:
            pass

    auth = Constant(wire.base_url, client_id="id")
    wire.answer(TOKEN | {"refresh_token": "one", "expires_in": 5})
    auth.refresh_token()
    assert auth.refresh_token()["refresh_token"] == TOKEN["refresh_token"]
    assert spent(wire) == ["r", "one"]


def test_a_token_that_the_server_leaves_as_it_is_is_sent_again(wire, auth):
    for _ in range(3):
        auth.refresh_token()
    assert spent(wire) == ["r", TOKEN["refresh_token"], TOKEN["refresh_token"]]


def test_a_token_that_was_forgotten_and_is_given_again_is_sent(wire, auth):
    auth.refresh_token()
    del auth.token
    auth.token = dict(R)
    auth.refresh_token()
    assert spent(wire) == ["r", "r"]


def test_a_failure_that_lands_after_ctrl_c_is_not_the_answer_to_the_next(wire, ours, auth):
    held = interrupted(wire, auth.refresh_token, 429, {})
    lands_unseen(wire, held, ours)
    assert auth.refresh_token()["access_token"] == TOKEN["access_token"]
    assert spent(wire) == ["r", "r"]


def test_a_pair_that_lands_after_ctrl_c_is_not_the_answer_to_the_next(wire, ours, auth):
    held = interrupted(wire, auth.refresh_token, 200, TOKEN | {"access_token": "early"})
    lands_unseen(wire, held, ours)
    assert auth.refresh_token()["access_token"] == TOKEN["access_token"]
    assert spent(wire) == ["r", TOKEN["refresh_token"]]


def unsaved(wire: Wire, ours: Any) -> Any:
    """An object whose class could not save what a refresh brought."""

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

    auth = Failing(wire.base_url, client_id="id", token=dict(R))
    auth.is_down = True
    with pytest.raises(ConnectionError):
        auth.refresh_token()
    auth.is_down = False
    return auth


def test_a_pair_that_could_not_be_saved_is_spent_when_it_has_ended(wire, ours):
    wire.answer(TOKEN | {"expires_in": 5})
    unsaved(wire, ours).refresh_token()
    assert spent(wire) == ["r", TOKEN["refresh_token"]]


def test_a_pair_that_could_not_be_saved_is_not_the_answer_to_another_user(wire, ours):
    wire.answer(TOKEN | ADAS)
    auth = unsaved(wire, ours)
    auth.token = dict(BO)
    answer = auth.refresh_token()
    assert answer is auth.token and answer["access_token"] == TOKEN["access_token"]
    assert spent(wire) == ["r", "b"]


def test_a_pair_that_could_not_be_saved_is_not_the_answer_after_the_token_was_forgotten(wire, ours):
    auth = unsaved(wire, ours)
    auth.token = None
    with pytest.raises(ValueError, match="^No token to refresh$"):
        auth.refresh_token()


def test_a_pair_that_a_subclass_took_and_could_not_save_is_saved_again(wire, ours):
    class Failing(ours):
        is_down = False
        saved = None

        @property
        def token(self) -> Any:
            return self._token

        @token.setter
        def token(self, token: Any) -> None:
            self._token = token
            if self.is_down:
                raise ConnectionError("the database is down")
            self.saved = token

    auth = Failing(wire.base_url, client_id="id", token=dict(R))
    auth.is_down = True
    with pytest.raises(ConnectionError):
        auth.refresh_token()
    auth.is_down = False
    assert auth.refresh_token() is auth.saved is auth.token
    assert spent(wire) == ["r"]
