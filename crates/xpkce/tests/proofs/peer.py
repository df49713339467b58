"""X's own class: each line on the input is one process that loads the token, refreshes it and saves it.

A process is a fork, so that what Python takes to start is no part of it. It stays until it is killed.
"""

import json
import os
import signal
import sys

from xdk.oauth2_auth import OAuth2PKCEAuth

path, manner = sys.argv[1:]
settings = json.loads(os.environ["XPKCE_TEST_PEER"])


def say(word):
    os.write(1, f"{word}\n".encode())


def save_plainly(token):
    with open(path, "w") as file:
        json.dump(token, file)


def save_carefully(token):
    with open(f"{path}.new", "w") as file:
        json.dump(token, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def answered(response):
    say("answered")
    return response


def refresh():
    with open(path) as file:
        auth = OAuth2PKCEAuth(token=json.load(file), **settings)
    auth.oauth2_session.register_compliance_hook("refresh_token_response", answered)
    save = {"plainly": save_plainly, "carefully": save_carefully}[manner]
    save(dict(auth.refresh_token()))


def live():
    try:
        refresh()
        say("done")
    except Exception as why:
        say(f"failed {type(why).__name__}")
    while True:
        signal.pause()


say("up")
while sys.stdin.readline():
    child = os.fork()
    if child == 0:
        live()
    say(f"pid {child}")
    os.waitpid(child, 0)
    say("gone")
