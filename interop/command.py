"""The command under test: the real binary, with nothing but its environment set."""

import os
import re
import subprocess

AUTHORIZE_URL = re.compile(r"http://127\.0\.0\.1:\d+/i/oauth2/authorize\?\S+")
PATIENCE = 60


class Command:
    def __init__(self, binary, home, server, client):
        self.binary = str(binary)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XPKCE_HOME": str(home / "xpkce"),
            "XPKCE_BASE_URL": server.base_url,
            "XPKCE_AUTHORIZATION_BASE_URL": server.base_url + "/i",
            "XPKCE_CLIENT_ID": client["client_id"],
            "XPKCE_REDIRECT_URI": client["redirect_uri"],
            "NO_COLOR": "1",
        }
        if client["client_secret"] is not None:
            self.env["XPKCE_CLIENT_SECRET"] = client["client_secret"]

    def run(self, *args, stdin=""):
        """Runs a verb to a successful end and returns what it wrote to standard output."""
        done = subprocess.run(
            [self.binary, *args],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            raise AssertionError(
                f"xpkce {' '.join(args)} ended with {done.returncode}:\n{done.stderr}"
            )
        return done.stdout

    def login_headless(self, approve):
        """Signs in as over SSH: reads the URL that is printed, writes the callback URL back."""
        process = subprocess.Popen(
            [self.binary, "login", "--headless"],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if found := AUTHORIZE_URL.search(line):
                    process.stdin.write(approve(found[0]) + "\n")
                    process.stdin.close()
                    break
            said += process.stdout.readlines()
            status = process.wait(PATIENCE)
            if status != 0:
                raise AssertionError(f"login ended with {status}:\n{''.join(said)}")
            return "".join(said)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
