"""Waiting in tests: for what must come, never longer than is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def soon(what: Callable[[], T], seconds: float, every: float = 0.05) -> T:
    """The first answer of `what` that is true; an AssertionError with its last one if none comes within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"after {seconds} s still {answer!r}"
        time.sleep(every)
    return answer
