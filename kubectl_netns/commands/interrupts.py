"""SIGINT, SIGTERM and SIGHUP end a command through its clean-up, and once only: a second one does not disturb the first's.

The handler raises Interrupted in the main thread. Where that happens to land in a callback (a weak reference's, a destructor),
Python calls the exception ignored and goes on; `sys.unraisablehook` hears of it, and it is raised again a moment later.
A signal that was ignored when we were started (nohup, a shell's background job) stays ignored.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

from ..errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MOMENT = 0.01
BESIDES = "ignored due to race condition"  # Python's words for a signal that came together with the one that is heeded


def heed() -> None:
    for one in SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, _interrupt)
    sys.unraisablehook = _ignored


def _interrupt(number: int, _frame: object) -> NoReturn:
    disregard()
    raise Interrupted(f"interrupted by {signal.Signals(number).name}")


def disregard() -> None:
    """From here on nothing interrupts."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)


def _ignored(unraisable: Any) -> None:
    interrupted = unraisable.exc_value
    if isinstance(interrupted, OSError) and str(interrupted).endswith(BESIDES):
        return
    if not isinstance(interrupted, Interrupted):
        sys.__unraisablehook__(unraisable)
        return

    def again(_number: int, _frame: object) -> NoReturn:
        raise interrupted

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, MOMENT)
