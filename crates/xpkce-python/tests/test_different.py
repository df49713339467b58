"""Where X's own class is wrong, ours is right: both are run, and they must differ."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import xpkce


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def outcome(call: Any) -> Any:
    """What a call returns, or what it raises."""
    try:
        return call()
    except Exception as error:
        return error


class Both:
    """The same steps with X's class and with ours."""

    def __init__(self, reference: Any, ours: Any) -> None:
        self.reference, self.ours = reference, ours

    def __call__(self, steps: Any) -> tuple[Any, Any]:
        return outcome(lambda: steps(self.reference)), outcome(lambda: steps(self.ours))


@pytest.fixture
def both(reference, ours):
    return Both(reference, ours)


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


def test_a_public_client_refreshes(x, both):
    def steps(make):
        auth = make(**x.settings(confidential=False))
        auth.fetch_token(x.approve(auth.get_authorization_url()))
        return auth.refresh_token()

    theirs, ours = both(steps)
    assert "client_secret is required" in str(theirs)
    assert x.whoami(ours["access_token"]) == 200


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


def test_a_redirect_is_not_followed(wire, both):
    def steps(make):
        wire.answer({}, 307, Location=f"{wire.base_url}/elsewhere")
        auth = make(wire.base_url, client_id="id", redirect_uri="https://a.example/")
        outcome(lambda: auth.exchange_code("code", "v" * 43))
        return [request.path for request in wire.requests]

    theirs, ours = both(steps)
    assert theirs == ["/2/oauth2/token", "/elsewhere"]
    assert ours[2:] == ["/2/oauth2/token"]


def test_plain_http_goes_to_this_machine_only(both, monkeypatch):
    import requests

    def steps(make):
        auth = make("http://x.invalid", client_id="id", redirect_uri="https://a.example/")
        return auth.exchange_code("code", "v" * 43)

    theirs, ours = both(steps)
    assert isinstance(theirs, requests.ConnectionError)  # It looked the host up.
    assert isinstance(ours, xpkce.ConfigureError) and ours.reason == "insecure_url"


def test_netrc_is_not_read(wire, both, tmp_path, monkeypatch):
    def steps(make):
        make(wire.base_url, client_id="id", redirect_uri="u").exchange_code("code", "v" * 43)
        return wire.requests[-1].headers.get("Authorization")

    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stray password stray\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    theirs, ours = both(steps)
    assert theirs.startswith("Basic ")
    assert ours is None


def test_basic_is_form_encoded(wire, both):
    def steps(make):
        auth = make(wire.base_url, client_id="i:d", client_secret="s+/%")
        auth.exchange_code("code", "v" * 43)
        return base64.b64decode(wire.requests[-1].headers["Authorization"][6:]).decode()

    theirs, ours = both(steps)
    assert theirs == "i:d:s+/%"
    assert ours == "i%3Ad:s%2B%2F%25"


def test_a_slash_on_the_base_url_is_dropped(wire, both):
    def steps(make):
        make(wire.base_url + "/", client_id="id").exchange_code("code", "v" * 43)
        return wire.requests[-1].path

    assert both(steps) == ("//2/oauth2/token", "/2/oauth2/token")


def test_an_exchange_without_an_access_token_is_an_error_and_the_earlier_token_stays(wire, both):
    def steps(make):
        earlier = {"access_token": "earlier", "token_type": "bearer"}
        auth = make(wire.base_url, client_id="id", token=earlier)
        wire.answer({"token_type": "bearer", "scope": "tweet.read"})
        return outcome(lambda: auth.exchange_code("code", "v" * 43)), auth.access_token

    (theirs, lost), (ours, kept) = both(steps)
    assert theirs["access_token"] is None and lost is None
    assert isinstance(ours, xpkce.ProtocolError | xpkce.InDoubtError) and kept == "earlier"


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


def test_concurrent_refreshes_spend_one_token(x, both, signed_in):
    def steps(make):
        auth = signed_in(make)
        before = x.counters()["token_requests"]
        gate, results = threading.Barrier(8), []

        def refresh() -> None:
            gate.wait()
            results.append(outcome(auth.refresh_token))

        threads = [threading.Thread(target=refresh) for _ in range(8)]
        x.fault("refresh", {"kind": "slow"}, delay_ms=200)
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


def test_an_object_is_not_pickled(both):
    import pickle

    theirs, ours = both(lambda make: pickle.dumps(make(client_id="id", client_secret="hunter2")))
    assert b"hunter2" in theirs
    assert isinstance(ours, TypeError)


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


def test_a_secret_in_a_wrapper_is_not_sent_as_stars(wire, both):
    class SecretStr:
        def __str__(self) -> str:
            return "**********"

    def steps(make):
        auth = make(wire.base_url, client_id="id", client_secret=SecretStr())
        auth.exchange_code("code", "v" * 43)
        return base64.b64decode(wire.requests[-1].headers["Authorization"][6:])

    theirs, ours = both(steps)
    assert theirs == b"id:**********"
    assert isinstance(ours, TypeError)


def test_a_verifier_that_is_set_alone_is_used(both):
    def steps(make):
        auth = make(client_id="id", redirect_uri="https://a.example/")
        auth.code_verifier = "v" * 43
        auth.get_authorization_url()
        return auth.code_verifier == "v" * 43

    assert both(steps) == (False, True)
