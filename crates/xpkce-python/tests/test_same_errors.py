"""What code written for X's class catches: the exceptions of the packages that it is made of."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest
import requests
from oauthlib.oauth2.rfc6749 import errors
from ports import free_port

import xpkce

TOKEN = {"access_token": "a", "token_type": "bearer", "refresh_token": "r", "expires_at": 1.0}


@pytest.fixture
def nobody() -> str:
    """Where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def app(make: Any, base_url: str, token: Any = None) -> Any:
    settings = {"client_id": "id", "client_secret": "secret", "redirect_uri": "https://a.example/"}
    return make(base_url, **settings, token=token)


def test_a_refresh_that_reaches_nobody_is_a_connection_error_of_requests(make, nobody):
    with pytest.raises(requests.ConnectionError) as raised:
        app(make, nobody, dict(TOKEN)).refresh_token()
    assert raised.value.response is None


def test_an_exchange_that_reaches_nobody_is_a_connection_error_of_requests(make, nobody):
    with pytest.raises(requests.ConnectionError) as raised:
        app(make, nobody).exchange_code("c", "v" * 43)
    assert raised.value.response is None


@pytest.mark.parametrize(
    ("status", "answer", "named"),
    [
        (
            400,
            {
                "error": "invalid_request",
                "error_description": "Value passed for the token was invalid.",
            },
            errors.InvalidClientIdError,
        ),
        (401, {"error": "unauthorized_client"}, errors.UnauthorizedClientError),
        (429, {"title": "Too Many Requests"}, errors.MissingTokenError),
        (503, {}, errors.MissingTokenError),
        (200, {}, errors.MissingTokenError),
    ],
)
def test_a_refused_refresh_is_an_error_of_oauthlib(wire, make, status, answer, named):
    # Ours asks once more where the outcome is not known.
    wire.answer(answer, status)
    wire.answer(answer, status)
    with pytest.raises(named) as raised:
        app(make, wire.base_url, dict(TOKEN)).refresh_token()
    assert raised.value.error == named.error and raised.value.uri is None


def test_one_that_is_theirs_too_is_pickled(ours, nobody):
    with pytest.raises(xpkce.RetryError) as raised:
        app(ours, nobody, dict(TOKEN)).refresh_token()
    again = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(again, requests.ConnectionError) and again.reason == "not_sent"


def test_a_program_without_their_packages_loads_none_of_them(nobody):
    program = f"""if True:
        import sys, xpkce
        token = {TOKEN!r}
        try:
            xpkce.OAuth2PKCEAuth({nobody!r}, client_id="id", token=token).refresh_token()
        except ValueError as error:
            print(type(error) is xpkce.RetryError, "requests" in sys.modules)
    """
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout.split() == ["True", "False"]
