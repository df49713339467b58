"""The client under test: the binary as X builds it, with nothing but its environment set."""

import copy
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

CONSENT = Path(__file__).resolve().parent / "consent.py"
# Seconds for one command: a client whose browser never comes back waits for five minutes.
PATIENCE = 30


class Xurl:
    """The client as one app, at a home of its own."""

    def __init__(self, binary, home, x, app):
        self.binary = binary
        self.home = home
        self.env = {
            "HOME": str(home),
            "PATH": f"{home}:{os.environ['PATH']}",
            "CLIENT_ID": app["client_id"],
            "AUTH_URL": x.authorize_url,
            "TOKEN_URL": f"{x.base_url}/2/oauth2/token",
            "API_BASE_URL": x.base_url,
            "INFO_URL": f"{x.base_url}/2/users/me",
            "REDIRECT_URI": free_callback(),
        }
        if app["client_secret"] is not None:
            self.env["CLIENT_SECRET"] = app["client_secret"]
        x.control(
            "register-redirect", client_id=app["client_id"], redirect_uri=self.env["REDIRECT_URI"]
        )

    def copied(self):
        """Returns the client with a copy of its home, as it is now."""
        twin = copy.copy(self)
        twin.home = self.home.with_name(f"copy of {self.home.name}")
        shutil.copytree(self.home, twin.home)
        twin.env = self.env | {"HOME": str(twin.home), "PATH": f"{twin.home}:{os.environ['PATH']}"}
        return twin

    def sign_in(self, username):
        self.consent("allow", username)
        return self.run("auth", "oauth2")

    def whoami(self, *args):
        return json.loads(self.run("/2/users/me", *args))["data"]["username"]

    def write_post(self, text):
        """Returns the id of the post."""
        body = json.dumps({"text": text})
        return json.loads(self.run("/2/tweets", "-X", "POST", "-d", body))["data"]["id"]

    def consent(self, *decision):
        """Gives the client its browser, and the person at it an answer."""
        browser = self.home / "xdg-open"
        command = f'"{sys.executable}" "{CONSENT}" "$1" {" ".join(decision)}'
        # The client throws away what its browser says.
        browser.write_text(f'#!/bin/sh\nexec {command} >"{browser}.log" 2>&1\n')
        browser.chmod(0o755)

    def run(self, *args):
        """Runs a command to a successful end and returns what it wrote to standard output."""
        done = self._run(args)
        assert done.returncode == 0, told(done)
        return done.stdout

    def fail(self, *args):
        """Runs a command that must fail and returns all that it said."""
        done = self._run(args)
        assert done.returncode == 1, told(done)
        return done.stdout + done.stderr

    def _run(self, args):
        command = [self.binary, *args]
        try:
            return subprocess.run(
                command,
                env=self.env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as late:
            log = self.home / "xdg-open.log"
            said = log.read_text() if log.exists() else "it was not opened"
            raise AssertionError(f"{command} has no end; of its browser: {said}") from late


def told(done):
    return f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}"


def free_callback():
    """Returns a callback on a port that nobody has: 8080 may be taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/callback"
