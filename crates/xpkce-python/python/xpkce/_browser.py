"""The user's browser, or the words that ask for one."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser


def has_desktop() -> bool:
    """Whether a browser that is opened here is seen by the person who asked."""
    if os.environ.get("BROWSER"):
        return True
    is_remote = os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool((has_display or sys.platform != "linux") and not is_remote)


def invite(url: str) -> None:
    """Says on stderr what to open, and opens it where there is a desktop.

    In a thread: a browser that is a program in the foreground, as ``BROWSER`` may name one, ends
    when its user does, who waits for the callback to be answered.
    """
    if has_desktop():
        words = "Your browser shows X's consent page. If it does not, open this URL:"
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    else:
        words = "Open this URL in a browser on this machine, and authorize the app:"
    print(f"{words}\n\n{url}\n", file=sys.stderr, flush=True)
