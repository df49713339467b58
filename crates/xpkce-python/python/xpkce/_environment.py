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
        # Before a secret is read: some traceback tools show the variables of every frame.
        error = ConfigureError("XPKCE_CLIENT_ID is not set")
        error.reason = "invalid_setting"
        error.hint = "set XPKCE_CLIENT_ID to the app's client id; `xpkce app list` shows it"
        raise error
    found = {name: _variable(variable) for name, variable in _NAMES.items()}
    settings: dict[str, Any] = {name: value for name, value in found.items() if value}
    settings["client_id"] = client_id
    settings["store"] = _variable("XPKCE_STORE") or str(_home() / "xpkce.db")
    if "key" not in settings:
        settings.setdefault("key_file", str(_home() / "key"))
    return settings


def _variable(name: str) -> str | None:
    value = os.environ.get(name, "").strip()
    return value or None


def _home() -> pathlib.Path:
    home = _variable("XPKCE_HOME")
    if home:
        return pathlib.Path(home).absolute()
    if sys.platform == "darwin":
        return pathlib.Path.home() / "Library/Application Support/xpkce"
    shared = _variable("XDG_DATA_HOME")
    data = pathlib.Path(shared) if shared else pathlib.Path.home() / ".local/share"
    return data / "xpkce"
