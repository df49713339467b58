"""What the command ``xpkce`` reads of the environment, but for a service's credentials.

The apps that the command stored are not read.
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

from .errors import ConfigureError

_NAMES = {
    "client_secret": "XPKCE_CLIENT_SECRET",
    "redirect_uri": "XPKCE_REDIRECT_URI",
    "scope": "XPKCE_SCOPE",
    "base_url": "XPKCE_BASE_URL",
    "authorization_base_url": "XPKCE_AUTHORIZATION_BASE_URL",
    "key": "XPKCE_KEY",
    "key_file": "XPKCE_KEY_FILE",
}


def settings() -> dict[str, Any]:
    """Returns the keeper's parameters that are set. An empty variable counts as not set."""
    client_id = _variable("XPKCE_CLIENT_ID")
    if client_id is None:
        hint = "set XPKCE_CLIENT_ID to the app's client id; `xpkce app list` shows it"
        raise _missing("XPKCE_CLIENT_ID is not set", hint)
    # What may fail comes before a secret is read: some traceback tools show the variables of every
    # frame.
    places = _places()
    found = {name: _variable(variable) for name, variable in _NAMES.items()}
    settings: dict[str, Any] = {name: value for name, value in found.items() if value}
    return {"client_id": client_id, **places, **settings}


def _places() -> dict[str, str]:
    places = {"store": _variable("XPKCE_STORE") or str(_home() / "xpkce.db")}
    if not (_variable("XPKCE_KEY") or _variable("XPKCE_KEY_FILE")):
        places["key_file"] = str(_home() / "key")
    return places


def _variable(name: str) -> str | None:
    value = os.environ.get(name, "").strip()
    return value or None


def _home() -> pathlib.Path:
    home = _variable("XPKCE_HOME")
    if home:
        return pathlib.Path(home).absolute()
    if sys.platform == "darwin":
        return _home_of_user() / "Library/Application Support/xpkce"
    shared = _variable("XDG_DATA_HOME")
    data = pathlib.Path(shared) if shared else _home_of_user() / ".local/share"
    return data / "xpkce"


def _home_of_user() -> pathlib.Path:
    try:
        return pathlib.Path.home()
    except RuntimeError as error:
        hint = "set XPKCE_HOME to the folder for the store and its key"
        raise _missing("the user has no home folder", hint) from error


def _missing(what: str, hint: str) -> ConfigureError:
    error = ConfigureError(what)
    error.reason, error.hint = "invalid_setting", hint
    return error
