"""The terminal: answers on stdout; progress, warnings and errors on stderr. The only place that prints."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TextIO

from ..errors import NetnsError
from ..model import Warning
from ..render.safe import safe


@dataclass
class Console:
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    verbose: bool = False
    begun: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shown: bool = False

    def answer(self, text: str) -> None:
        """Raises BrokenPipeError where the reader has gone (`| head`), which `cli` takes for success."""
        self.clear()
        if text:
            print(text, file=self.out, flush=True)

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

    def error(self, error: NetnsError) -> None:
        self._say("error: ", "31", error.message)
        if error.hint:
            self._say("hint: ", "36", error.hint)

    def _say(self, word: str, colour: str, text: str) -> None:
        self.clear()
        coloured = self.err.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        print(f"\x1b[{colour}m{word}\x1b[0m{safe(text)}" if coloured else word + safe(text), file=self.err, flush=True)
