"""No secret in what a program shows: texts, tracebacks, attributes of exceptions."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import pytest

# In pieces: a traceback shows the lines of this file.
NAMES = ["secret", "access-token", "refresh-token", "verifier", "code"]
SECRETS = SECRET, ACCESS, REFRESH, VERIFIER, CODE = [f"{'the'}-{name}" for name in NAMES]


@pytest.fixture
def auth(ours):
    auth = ours(
        "http://127.0.0.1:9",
        client_id="id",
        client_secret=SECRET,
        redirect_uri="https://a.example/",
        token={"access_token": ACCESS, "refresh_token": REFRESH},
    )
    auth.set_pkce_parameters(VERIFIER)
    return auth


def everything_shown(error: BaseException) -> str:
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    return "".join(lines) + repr(error) + str(error) + repr(vars(error)) + repr(error.args)


def test_its_texts_show_no_secret(auth):
    shown = repr(auth) + str(auth) + f"{auth}" + repr(vars(auth))
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "'id'" in shown and "has_token=True" in shown


@pytest.mark.parametrize(
    "call",
    [
        lambda auth: auth.refresh_token(),
        lambda auth: auth.exchange_code(CODE),
        lambda auth: auth.fetch_token(f"https://a.example/?code={CODE}&state=x"),
        lambda auth: auth.fetch_token(f"https://a.example/?code={CODE}&code={CODE}"),
        lambda auth: auth.exchange_code(CODE.encode()),
        lambda auth: auth.set_pkce_parameters(VERIFIER.encode()),
        lambda auth: auth.set_pkce_parameters(VERIFIER + "\n"),
        lambda auth: pickle.dumps(auth),
        lambda auth: copy.copy(auth),
        lambda auth: copy.deepcopy(auth),
    ],
)
def test_its_errors_show_no_secret(auth, call: Any):
    with pytest.raises(Exception) as raised:  # noqa: PT011
        call(auth)
    shown = everything_shown(raised.value)
    assert [secret for secret in SECRETS if secret in shown] == []


def test_a_refused_refresh_does_not_repeat_what_x_said(wire, ours):
    wire.answer({"error": "invalid_request", "error_description": REFRESH}, 400)
    auth = ours(wire.base_url, client_id="id", token={"refresh_token": REFRESH})
    with pytest.raises(ValueError) as raised:
        auth.refresh_token()
    assert REFRESH not in everything_shown(raised.value)


def test_an_exception_can_be_pickled_and_says_what_to_do(auth):
    with pytest.raises(ValueError) as raised:
        auth.refresh_token()
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again)) == (type(raised.value), str(raised.value))
    assert again.kind == "retry" and again.reason == "not_sent" and again.hint
