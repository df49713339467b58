"""A server of a few lines that records what it is sent and answers as it is told."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any
from urllib.parse import parse_qs

TOKEN = {
    "access_token": "an-access-token",
    "token_type": "bearer",
    "expires_in": 7200,
    "refresh_token": "a-refresh-token",
    "scope": "tweet.read users.read offline.access",
}


class Request:
    def __init__(self, method: str, path: str, headers: Any, body: str) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.form = {name: values[0] for name, values in parse_qs(body).items()}


class Wire:
    """Answers with the answers in `answers`, in turn, and then with a token."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        wire = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # The head and the body in one piece: nothing waits for the other's ACK.

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                # `self.path` has lost a double slash.
                path = self.requestline.split()[1]
                wire.requests.append(Request(self.command, path, self.headers, body))
                status, headers, answer = wire.answers.pop(0) if wire.answers else (200, {}, TOKEN)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}"
        # It looks that often whether it is to end.
        serve = lambda: self.server.serve_forever(poll_interval=0.01)  # noqa: E731
        threading.Thread(target=serve, daemon=True).start()

    def answer(self, answer: Any, status: int = 200, **headers: str) -> None:
        self.answers.append((status, headers, answer))

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
