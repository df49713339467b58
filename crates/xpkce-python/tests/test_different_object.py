"""Where X's own class shows its secrets or trips over its own token, ours does not."""

from __future__ import annotations

import time

import pytest


@pytest.mark.parametrize("end", [None, "soon", [], float("nan"), object()])
def test_an_odd_expires_at_means_expired(both, end):
    def steps(make):
        return make(
            client_id="id", token={"access_token": "a", "expires_at": end}
        ).is_token_expired()

    theirs, ours = both(steps)
    assert isinstance(theirs, TypeError) or theirs is False
    assert ours is True


def test_an_expires_at_in_text_is_read(both):
    def steps(make):
        end = str(time.time() + 60)
        return make(
            client_id="id", token={"access_token": "a", "expires_at": end}
        ).is_token_expired()

    theirs, ours = both(steps)
    assert isinstance(theirs, TypeError) and ours is False


def test_an_object_is_not_pickled(both):
    import pickle

    theirs, ours = both(lambda make: pickle.dumps(make(client_id="id", client_secret="hunter2")))
    assert b"hunter2" in theirs
    assert isinstance(ours, TypeError)


def test_vars_has_what_was_added_and_no_secret(both):
    def steps(make):
        auth = make(client_id="id", client_secret="hunter2")
        auth.user = "ada"
        return vars(auth)

    theirs, ours = both(steps)
    assert theirs["client_secret"] == "hunter2" and theirs["user"] == "ada"
    assert ours == {"user": "ada"}


def test_a_deleted_token_is_forgotten(both):
    def steps(make):
        auth = make(client_id="id", token={"access_token": "a"})
        del auth.token
        return auth.access_token, auth.is_token_expired()

    theirs, ours = both(steps)
    assert isinstance(theirs, AttributeError)
    assert ours == (None, True)


def test_an_attribute_is_not_deleted(both):
    def steps(make):
        auth = make(client_id="id")
        del auth.client_id
        return "deleted"

    theirs, ours = both(steps)
    assert theirs == "deleted"
    assert isinstance(ours, AttributeError)
