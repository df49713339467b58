"""The authorization servers: each a process of its own, on a port that it picks."""

import json
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


class Server:
    def __init__(self, name, port):
        self.name = name
        self.base_url = f"http://127.0.0.1:{port}"

    def seen(self):
        """Returns the requests to the token endpoints so far."""
        return self._ask("/seen")

    def is_alive(self, token):
        return self._ask("/alive?token=" + urllib.parse.quote(token, safe=""))

    def _ask(self, target):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.base_url + target, timeout=20) as answer:
            return json.load(answer)


def command_of(name, node_home):
    if name == "authlib":
        return [sys.executable, str(HERE / "authlib" / "server.py")]
    # Node looks for packages next to the importing file.
    shutil.copy(HERE / "oidc-provider" / "server.mjs", node_home)
    return ["node", str(node_home / "server.mjs")]


@contextmanager
def running(name, clients, node_home, log):
    with open(log, "w") as talk:
        process = subprocess.Popen(
            command_of(name, node_home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=talk,
            text=True,
        )
        try:
            json.dump(clients, process.stdin)
            process.stdin.close()
            first = process.stdout.readline()
            if not first:
                raise RuntimeError(f"{name} did not start:\n{Path(log).read_text()}")
            yield Server(name, json.loads(first)["port"])
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
