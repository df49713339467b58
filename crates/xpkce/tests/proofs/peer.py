"""X's own class, which saves its token to disk after each refresh and reads it again after a failure."""

import json
import os
import sys
import time

from xdk.oauth2_auth import OAuth2PKCEAuth

path, settings = sys.argv[1], json.loads(os.environ["XPKCE_TEST_PEER"])


def load():
    with open(path) as file:
        return OAuth2PKCEAuth(token=json.load(file), **settings)


auth, is_ready = load(), False
while True:
    try:
        token = auth.refresh_token()
        with open(path, "w") as file:
            json.dump(dict(token), file)
    except Exception:
        time.sleep(0.005)
        auth = load()
    if not is_ready:
        print("ready", flush=True)
        is_ready = True
