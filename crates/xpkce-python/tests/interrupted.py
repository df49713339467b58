"""Calls that Ctrl-C ends before their answer comes."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
from wire import TOKEN, Wire


class Held(list):
    """Answers that wait until they are let go; the request that waits is told of."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(answers)
        self.asked, self.let_go = threading.Event(), threading.Event()

    def pop(self, at: int = -1) -> Any:
        answer = super().pop(at)
        self.asked.set()
        assert self.let_go.wait(20)
        return answer


def interrupted(wire: Wire, call: Any, *answer: Any) -> Held:
    """Interrupts a call that waits for an answer, which still comes once it is let go."""
    wire.answers = held = Held((answer[0], {}, answer[1]))

    def interrupt() -> None:
        held.asked.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        call()
    return held


def lands_unseen(wire: Wire, held: Held, ours: Any) -> None:
    """Lets the answer go. Whether it has landed nobody sees who does not look at the object, but
    that of another, which takes the same way after it, has."""
    held.let_go.set()
    other = ours(wire.base_url, client_id="other")
    later = interrupted(wire, lambda: other.exchange_code("c", "v" * 43), 200, TOKEN)
    later.let_go.set()
    end = time.monotonic() + 20
    while other.access_token is None:
        assert time.monotonic() < end, "it did not land"
        time.sleep(0.001)
