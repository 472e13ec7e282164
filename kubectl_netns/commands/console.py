"""The terminal: answers on stdout; progress, warnings and errors on stderr. The only place that prints."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from ..errors import Interrupted, NetnsError
from ..render.safe import safe

if TYPE_CHECKING:
    from ..model import Warning


@dataclass
class Console:
    """`out` is None where stdout is closed."""

    out: TextIO | None = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr or open(os.devnull, "w"))
    verbose: bool = False
    begun: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shown: bool = False

    def answer(self, text: str) -> None:
        """Raises NetnsError where it cannot be written; that its reader has gone (`| head`) is no failure."""
        self.clear()
        if not text:
            return
        if self.out is None:
            raise NetnsError("the answer cannot be written: stdout is closed")
        try:
            print(text, file=self.out, flush=True)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())  # what Python still flushes at its end would fail again
            if isinstance(error, BrokenPipeError):
                return
            raise NetnsError(f"the answer cannot be written: {error.strerror}") from error

    def progress(self, text: str) -> None:
        """What is being done: on a terminal one line that each next one overwrites; if `verbose`, a line each with its time."""
        if self.verbose:
            self._step(text)
            return
        if not self.err.isatty() or os.environ.get("TERM") == "dumb":
            return
        with self._lock:
            self.err.write(f"\r\x1b[K{safe(text)}{'…' if text else ''}")
            self.err.flush()
            self._shown = bool(text)

    def detail(self, text: str) -> None:
        """A step that is told only if `verbose`."""
        if self.verbose:
            self._step(text)

    def _step(self, text: str) -> None:
        if text:
            with self._lock:
                print(f"{time.monotonic() - self.begun:7.3f} s  {safe(text)}", file=self.err, flush=True)

    def clear(self) -> None:
        if self._shown:
            self.progress("")

    def note(self, text: str) -> None:
        """Words that are neither; on a terminal with a carriage return, since it may be raw."""
        self.clear()
        print(safe(text), file=self.err, flush=True, end="\r\n" if self.err.isatty() else "\n")

    def warn(self, warning: Warning) -> None:
        self._say("warning: ", "33", warning.message)

    def error(self, error: NetnsError | Interrupted) -> None:
        self._say("error: ", "31", error.message)
        if error.hint:
            self.hint(error.hint)

    def hint(self, text: str) -> None:
        """May have several lines; those after the first are set in, so that none passes for an error of ours."""
        first, *more = text.split("\n")
        self._say("hint: ", "36", first)
        for line in more:
            print(f"  {safe(line)}", file=self.err, flush=True)

    def _say(self, word: str, colour: str, text: str) -> None:
        self.clear()
        coloured = self.err.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        print(f"\x1b[{colour}m{word}\x1b[0m{safe(text)}" if coloured else word + safe(text), file=self.err, flush=True)
