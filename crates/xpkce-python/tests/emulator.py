"""Drives the emulator of X: a process of its own, controlled over HTTP on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any, Callable
from urllib.parse import urlencode

SCOPES = ["tweet.read", "users.read", "offline.access"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


class Emulator:
    """X on this machine, until `stop`."""

    def __init__(self, python: str | os.PathLike[str] = sys.executable) -> None:
        command = [python, "-m", "xpkce.emulator", "--json", "--auto-approve"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.summary = json.loads(self.process.stdout.readline())
        self.base_url: str = self.summary["base_url"]
        self.authorization_base_url: str = self.summary["authorization_base_url"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def app(self, *, confidential: bool) -> dict[str, Any]:
        is_wanted = lambda app: (app["client_secret"] is not None) == confidential  # noqa: E731
        return next(filter(is_wanted, self.summary["apps"]))

    def settings(self, *, confidential: bool = True, **changes: Any) -> dict[str, Any]:
        """What the class takes, for one of the emulator's apps."""
        app = self.app(confidential=confidential)
        settings = {
            "base_url": self.base_url,
            "authorization_base_url": self.authorization_base_url,
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            "redirect_uri": app["redirect_uris"][0],
            "scope": SCOPES,
        }
        return settings | changes

    def approve(self, url: str) -> str:
        """Plays the browser and the user who approves; returns the callback's URL."""
        status, headers, body = self._send("GET", url)
        assert status == 302, body
        return headers["location"]

    def control(self, verb: str, **body: Any) -> Any:
        url = f"{self.summary['control_url']}/{verb}"
        status, _, answer = self._send("POST", url, json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer or "null")

    def read(self, verb: str) -> Any:
        return json.loads(self._send("GET", f"{self.summary['control_url']}/{verb}")[2])

    def counters(self) -> dict[str, int]:
        return self.read("counters")

    def until(self, is_so: Callable[[], object]) -> None:
        """Returns once it is so. What it waits for happens here, so a round trip is a pause."""
        for _ in range(5000):
            if is_so():
                return
            self.counters()
        raise AssertionError("it did not come to that")

    def when_asked(self, call: Callable[[], object] = lambda: None) -> threading.Thread:
        """Calls in another thread once the next token request is here, held up or not."""
        before = self.counters()["token_requests"]

        def wait() -> None:
            self.until(lambda: self.counters()["token_requests"] > before)
            call()

        waiting = threading.Thread(target=wait)
        waiting.start()
        return waiting

    def ends_while_asking(self, program: str) -> tuple[int, bytes]:
        """Runs a program that reads its input to the end, which comes once it has asked for a
        token; returns its code and what it wrote to stderr."""
        asked = self.when_asked()
        running = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        asked.join()
        _, said = running.communicate(timeout=60)
        return running.returncode, said

    def fault(self, endpoint: str, fault: dict[str, Any] | str, **rule: Any) -> None:
        fault = {"kind": fault} if isinstance(fault, str) else fault
        self.control("fault", endpoint=endpoint, fault=fault, **rule)

    def hold(self, endpoint: str = "refresh") -> None:
        """Holds the next request up until `let_go`, or until another one comes to the endpoint."""
        self.fault(endpoint, {"kind": "gather", "count": 2, "winner": 1})

    def let_go(self) -> None:
        """Lets a refresh that was held go on: another one comes, with a token that nobody has."""
        app = self.app(confidential=False)
        form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": app["client_id"]}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.base_url}/2/oauth2/token"
        status, _, body = self._send("POST", url, urlencode(form).encode(), headers)
        assert status == 400, body

    def odd(self, endpoint: str, odd: str) -> None:
        """Lets the next answer be an odd success."""
        self.fault(endpoint, {"kind": "odd", "answer": odd})

    def whoami(self, access_token: str) -> int:
        """Returns the status of a call with the token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self._send("GET", f"{self.base_url}/2/users/me", headers=headers)[0]

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any, str]:
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        try:
            with _opener.open(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read().decode()
