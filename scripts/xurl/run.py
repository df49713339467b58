"""Runs X's own command-line client, `xurl`, against the emulator.

    python3 scripts/xurl/run.py PATH_TO_XURL

Each check has an emulator and a home of its own, and is run for a public and for a confidential
app. What the client did is read in the emulator's evidence log. Without the client this fails.
"""

import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from command import Xurl
from emulator import running

NEEDED = """\
usage: python3 scripts/xurl/run.py PATH_TO_XURL

The path is that of X's own client, https://github.com/xdevplatform/xurl, from version 1.2.0 on:
    go install github.com/xdevplatform/xurl@latest
./test does not run this: npm's package of the client fetches it from GitHub."""

ADA, BO = "ada_example", "bo_sample"
SIGN_IN = ["consent_shown", "approved", "exchanged"]
# Seconds. The client refreshes in the last 30 of a token's life, by its own clock, which is not
# moved with the emulator's: a token as short as this is refreshed whenever it is used.
SHORT = 20


def a_sign_in_redeems_one_code_and_asks_once_who_it_is(x, xurl):
    xurl.sign_in(ADA)
    x.saw(*SIGN_IN)
    assert x.counted("token_requests") == 1
    assert x.counted("whoami_calls") == 1
    assert ADA in xurl.run("auth", "status")


def a_sign_in_is_kept_though_nobody_says_who_it_is(x, xurl):
    down = {"kind": "status", "status": 503, "body": "html"}
    x.control("fault", endpoint="whoami", fault=down)
    xurl.sign_in(ADA)
    assert xurl.whoami() == ADA
    x.saw(*SIGN_IN, "fault_struck")


def a_request_takes_the_token_that_is_there(x, xurl):
    xurl.sign_in(ADA)
    assert xurl.whoami() == ADA
    x.saw(*SIGN_IN)
    assert x.counted("token_requests") == 1


def a_post_is_written_and_read(x, xurl):
    xurl.sign_in(ADA)
    post = xurl.write_post("hello")
    assert "hello" in xurl.run(f"/2/tweets/{post}")
    x.saw(*SIGN_IN)


def two_expired_tokens_are_two_refreshes(x, xurl):
    x.control("lifetimes", access=SHORT)
    xurl.sign_in(ADA)
    for _ in range(2):
        x.control("advance", seconds=SHORT)
        assert xurl.whoami() == ADA
    x.saw(*SIGN_IN, "clock_advanced", "refreshed", "clock_advanced", "refreshed")
    assert [it["generation"] for it in x.events() if it["kind"] == "refreshed"] == [2, 3]


def a_spent_refresh_token_is_refused_and_the_live_one_is_not(x, xurl):
    x.control("lifetimes", access=SHORT)
    xurl.sign_in(ADA)
    backup = xurl.copied()
    xurl.run("token")
    refused(backup)
    x.saw(*SIGN_IN, "refreshed", "replayed")
    assert xurl.whoami() == ADA


def a_second_sign_in_kills_the_pair_of_the_first(x, xurl):
    x.control("lifetimes", access=SHORT)
    xurl.sign_in(ADA)
    second = xurl.copied()
    second.sign_in(ADA)
    refused(xurl)
    x.saw(*SIGN_IN, "consent_shown", "approved", "superseded", "exchanged", "refresh_refused")
    assert second.whoami() == ADA


def another_users_sign_in_leaves_the_pair_of_the_first(x, xurl):
    xurl.sign_in(ADA)
    xurl.sign_in(BO)
    x.saw(*SIGN_IN, *SIGN_IN)
    assert xurl.whoami("-u", ADA) == ADA
    assert xurl.whoami("-u", BO) == BO


def an_access_token_is_refused_when_two_hours_are_over(x, xurl):
    xurl.sign_in(ADA)
    x.control("advance", seconds=7200)
    assert "Unauthorized" in xurl.fail("/2/users/me")
    x.saw(*SIGN_IN, "clock_advanced", "bearer_refused")


def a_disconnected_app_cannot_refresh(x, xurl):
    x.control("lifetimes", access=SHORT)
    xurl.sign_in(ADA)
    x.control("disconnect", username=ADA)
    refused(xurl)
    x.saw(*SIGN_IN, "disconnected", "refresh_refused")


def a_denial_redeems_nothing(x, xurl):
    xurl.consent("cancel")
    # The client does not look at `error`; a callback without a code is its end all the same.
    assert "empty authorization code" in xurl.fail("auth", "oauth2")
    x.saw("consent_shown", "denied")
    assert x.counted("token_requests") == 0


def an_app_only_token_reads_posts_and_is_nobody(x, xurl):
    xurl.sign_in(ADA)
    post = xurl.write_post("hello")
    [app] = [it for it in x.apps.values() if it["client_id"] == xurl.env["CLIENT_ID"]]
    xurl.run("auth", "app-only", x.app_only_token(app))
    assert "hello" in xurl.run("--auth", "app", f"/2/tweets/{post}")
    assert "Unsupported Authentication" in xurl.fail("--auth", "app", "/2/users/me")


def refused(xurl):
    said = xurl.fail("token")
    assert "invalid_request" in said, said
    assert "Value passed for the token was invalid." in said, said


CHECKS = [
    a_sign_in_redeems_one_code_and_asks_once_who_it_is,
    a_sign_in_is_kept_though_nobody_says_who_it_is,
    a_request_takes_the_token_that_is_there,
    a_post_is_written_and_read,
    two_expired_tokens_are_two_refreshes,
    a_spent_refresh_token_is_refused_and_the_live_one_is_not,
    a_second_sign_in_kills_the_pair_of_the_first,
    another_users_sign_in_leaves_the_pair_of_the_first,
    an_access_token_is_refused_when_two_hours_are_over,
    a_disconnected_app_cannot_refresh,
    a_denial_redeems_nothing,
    an_app_only_token_reads_posts_and_is_nobody,
]


def main():
    if len(sys.argv) != 2:
        sys.exit(NEEDED)
    binary = str(Path(sys.argv[1]).resolve())
    print(version(binary))
    passed = [
        passes(binary, check, kind) for kind in ("public", "confidential") for check in CHECKS
    ]
    failures = passed.count(False)
    print(f"{len(passed) - failures} passed, {failures} failed")
    return 1 if failures else 0


def version(binary):
    try:
        done = subprocess.run([binary, "version"], capture_output=True, text=True, timeout=20)
    except OSError as error:
        sys.exit(f"{error}\n\n{NEEDED}")
    # `xr` of xurl-rs is another client, and tested elsewhere.
    if done.returncode != 0 or not done.stdout.startswith("xurl "):
        sys.exit(f"{binary} is not xurl: {done.stdout}{done.stderr}\n\n{NEEDED}")
    return done.stdout.strip()


def passes(binary, check, kind):
    what = f"{kind}: {check.__name__.replace('_', ' ')}"
    with tempfile.TemporaryDirectory() as there, running() as x:
        home = Path(there) / "home"
        home.mkdir()
        try:
            check(x, Xurl(binary, home, x, x.apps[kind]))
        except Exception:
            print(f"FAIL {what}")
            traceback.print_exc(file=sys.stdout)
            for event in x.events():
                print("  the emulator:", event["kind"], event["reason"] or "")
            return False
    print(f"ok   {what}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
