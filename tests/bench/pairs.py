"""Two things timed alternately, so that what the machine does meanwhile falls on both, and the ratio of their medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Medians in seconds. `limit` is what ours divided by theirs may be at most."""

    what: str
    ours: float
    theirs: float
    limit: float

    @property
    def value(self) -> float:
        return self.ours / self.theirs

    @property
    def kept(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        times = f"{self.ours * 1000:9.1f} ms / {self.theirs * 1000:9.1f} ms"
        return f"{self.value:7.3f} (at most {self.limit:5.3f}){'' if self.kept else '  MISSED'}  {times}  {self.what}"


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def paired(what: str, ours: Callable[[], float], theirs: Callable[[], float], limit: float, rounds: int = 7) -> Ratio:
    """Each callable gives its own seconds; one round of each first, which does not count."""
    ours(), theirs()
    taken = [(ours(), theirs()) for _ in range(rounds)]
    return Ratio(what, statistics.median(one for one, _ in taken), statistics.median(other for _, other in taken), limit)
