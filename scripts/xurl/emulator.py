"""The emulator: started on a free port, driven by its control verbs, asked what happened."""

import base64
import contextlib
import json
import subprocess
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Cargo steps aside on Unix: the process is the emulator, and is ended as such.
CARGO = ["cargo", "run", "--quiet", "--locked", "-p", "xpkce-emulator", "--", "--json"]

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Emulator:
    def __init__(self, told):
        self.base_url = told["base_url"]
        self.authorize_url = told["authorization_base_url"] + "/oauth2/authorize"
        self.control_url = told["control_url"]
        self.apps = {
            "public": next(it for it in told["apps"] if it["client_secret"] is None),
            "confidential": next(it for it in told["apps"] if it["client_secret"] is not None),
        }

    def control(self, verb, **body):
        headers = {"Content-Type": "application/json"}
        return answer(f"{self.control_url}/{verb}", json.dumps(body).encode(), headers)

    def counted(self, what):
        return answer(f"{self.control_url}/counters")[what]

    def events(self):
        return answer(f"{self.control_url}/events")

    def saw(self, *kinds):
        """Checks that this happened since the start, in this order, and nothing else."""
        seen = [it["kind"] for it in self.events()]
        assert seen == list(kinds), f"{seen} is not {list(kinds)}"

    def app_only_token(self, app):
        """Returns what the developer portal shows: the client has no way to ask for it."""
        pair = f"{app['api_key']}:{app['api_secret']}".encode()
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        url = f"{self.base_url}/oauth2/token"
        return answer(url, b"grant_type=client_credentials", headers)["access_token"]


def answer(url, body=None, headers=None):
    with opener.open(urllib.request.Request(url, body, headers or {}), timeout=20) as response:
        return json.load(response)


@contextlib.contextmanager
def running():
    process = subprocess.Popen(
        CARGO, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Emulator(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
