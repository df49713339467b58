"""The same steps with X's own class and with ours."""

from __future__ import annotations

from typing import Any, Callable


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or what it raises."""
    try:
        return call()
    except Exception as error:
        return error


class Both:
    """Takes steps with each class, and returns what came of either."""

    def __init__(self, reference: Any, ours: Any) -> None:
        self.reference, self.ours = reference, ours

    def __call__(self, steps: Callable[[Any], Any]) -> tuple[Any, Any]:
        return outcome(lambda: steps(self.reference)), outcome(lambda: steps(self.ours))
