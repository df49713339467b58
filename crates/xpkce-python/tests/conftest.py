"""What the tests share: the emulator, a recording server, and the class under test."""

from __future__ import annotations

import os
import signal
from typing import Any, Callable, Iterator

# The reference refuses plain HTTP and another order of scopes without these. Ours reads neither.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"
os.environ["NO_PROXY"] = "127.0.0.1"
# A shell that starts the tests with `&` has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402
import xdk.oauth2_auth  # noqa: E402
from both import Both  # noqa: E402
from emulator import Emulator  # noqa: E402
from ports import free_port  # noqa: E402
from silence import pytest_warning_recorded, silence  # noqa: E402, F401
from wire import Wire  # noqa: E402

import xpkce.oauth2_auth  # noqa: E402
from xpkce import Keeper  # noqa: E402

REFERENCE = xdk.oauth2_auth.OAuth2PKCEAuth
OURS = xpkce.oauth2_auth.OAuth2PKCEAuth

Make = Callable[..., Any]


@pytest.fixture(params=["reference", "ours"])
def make(request: pytest.FixtureRequest) -> Make:
    """The class: X's own, and then ours."""
    return REFERENCE if request.param == "reference" else OURS


@pytest.fixture
def reference() -> Make:
    return REFERENCE


@pytest.fixture
def ours() -> Make:
    return OURS


@pytest.fixture
def both(reference: Make, ours: Make) -> Both:
    return Both(reference, ours)


@pytest.fixture
def x() -> Iterator[Emulator]:
    emulator = Emulator()
    yield emulator
    emulator.stop()


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = Wire()
    yield server
    server.stop()


@pytest.fixture
def signed_in(x: Emulator) -> Callable[[Make], Any]:
    """Signs in at the emulator as a confidential app, or as `settings` say."""

    def sign_in(make: Make, **settings: Any) -> Any:
        auth = make(**x.settings(**settings))
        auth.fetch_token(x.approve(auth.get_authorization_url()))
        return auth

    return sign_in


@pytest.fixture
def settings(x, tmp_path) -> dict[str, Any]:
    """What both faces take, on one store."""
    settings = x.settings(confidential=True)
    return settings | {"store": tmp_path / "logins.db", "scope": " ".join(settings["scope"])}


@pytest.fixture
def keeper(x, settings):
    with Keeper(**settings) as keeper:
        keeper.finish_login(x.approve(keeper.begin_login()))
        yield keeper


@pytest.fixture
def callback(x) -> Callable[[bool], str]:
    """Registers a callback on a free port."""

    def register(confidential: bool = True) -> str:
        uri = f"http://127.0.0.1:{free_port()}/callback"
        client_id = x.app(confidential=confidential)["client_id"]
        x.control("register-redirect", client_id=client_id, redirect_uri=uri)
        return uri

    return register
