"""Ask all runtimes of a node, so that none of them, dead, slow or lying, costs more than a warning."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable

from ...model import Warning
from ...questions import Question
from .base import BUDGET, Holder, NotSpoken, Runtime, RuntimeUnavailable

PATIENCE = BUDGET + 2


def ask(runtimes: Iterable[Runtime], question: Question, warnings: list[Warning]) -> list[Holder]:
    """What the runtimes tell. That one speaks no CRI is told only where that leaves none (Docker's containerd beside a k3s)."""
    told: list[Holder] = []
    unspoken: list[Warning] = []
    spoken = 0
    for runtime in runtimes:
        try:
            told += _in_time(lambda: runtime.holders(question.pods))  # noqa: B023
            spoken += 1
        except RuntimeUnavailable as error:
            told += error.partial
            (unspoken if isinstance(error, NotSpoken) else warnings).append(Warning("runtime-unavailable", str(error)))
    warnings += unspoken if question.runtime and not spoken else []
    return told


def _in_time(work: Callable[[], list[Holder]]) -> list[Holder]:
    """A runtime keeps to its budget, unless what answers there goes on sending a byte now and then: then it is left to itself."""
    outcome: queue.SimpleQueue[list[Holder] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except Exception as error:  # raised again by the caller
            outcome.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        said = outcome.get(timeout=PATIENCE)
    except queue.Empty:
        raise RuntimeUnavailable(f"a runtime did not come to an end within {PATIENCE:.0f} s") from None
    if isinstance(said, Exception):
        raise said
    return said
