"""Where X's own class sends what it should not, ours does not; both must differ."""

from __future__ import annotations

import base64

from both import outcome

import xpkce


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

    theirs, ours = both(steps)
    assert theirs in ["//2/oauth2/token", "/2/oauth2/token"]  # by the version of requests
    assert ours == "/2/oauth2/token"


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
