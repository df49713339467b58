"""X's own Python class as a peer: reads `OP COUNT ABREAST`, writes `WALL CPU` in ns for one op."""

import json
import os
import sys
import threading
import time

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

from xdk.oauth2_auth import OAuth2PKCEAuth

kept, fresh, late, client_id, client_secret, redirect_uri, scope, answer = sys.argv[1:]


def auth(base_url, token=None):
    return OAuth2PKCEAuth(
        base_url=base_url,
        client_id=client_id,
        client_secret=client_secret,
        redirect_uri=redirect_uri,
        scope=scope.split(),
        token=token,
    )


def begin(count):
    for _ in range(count):
        auth(kept).get_authorization_url("a-state-of-43-characters-like-that-of-ours-")


def parse(count):
    """The lines of `exchange_code` that follow the answer, without the session it makes."""
    for _ in range(count):
        data = json.loads(answer)
        names = ("access_token", "token_type", "expires_in", "refresh_token", "scope")
        token = {name: data.get(name) for name in names}
        token["expires_at"] = time.time() + data["expires_in"]


def hot(count):
    held = json.loads(answer)
    it = auth(kept, {**held, "expires_at": time.time() + 7200})
    for _ in range(count):
        it.is_token_expired() or it.access_token


def refresh(base_url):
    def run(count):
        it = auth(base_url, json.loads(answer))
        for _ in range(count):
            it.refresh_token()

    return run


def exchange(base_url):
    def run(count):
        it = auth(base_url)
        for _ in range(count):
            it.exchange_code("a-code", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    return run


OPS = {
    "begin": begin,
    "parse": parse,
    "hot": hot,
    "refresh-kept": refresh(kept),
    "refresh-fresh": refresh(fresh),
    "refresh-late": refresh(late),
    "exchange-kept": exchange(kept),
    "exchange-fresh": exchange(fresh),
}

print("ready", flush=True)
for line in sys.stdin:
    op, count, abreast = line.split()
    count, abreast = int(count), int(abreast)
    threads = [threading.Thread(target=OPS[op], args=(count // abreast,)) for _ in range(abreast)]
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    print(wall / count, cpu / count, flush=True)
