"""The user's side of a command that runs elsewhere: stdin, stdout, stderr and the terminal. No frames here, and no cluster.

Traps: stdout may be a pipe whose reader is slow, or a terminal that is held (Ctrl-S), and a write to it can block for hours; to
make the descriptor non-blocking would change it for all who share it, the shell too. So each output has a thread that may block.
"""

from __future__ import annotations

import errno
import os
import select
import struct
import termios
import threading
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import ioctl

from ..execution import Screen

FULL = 1 << 20  # bytes that wait to be written


@dataclass(frozen=True)
class Streams:
    """What a command is connected with. `tell` is for words of ours; `begun` is called when the command runs.

    `stdin` None: there is no input. `terminal`: the command gets one of its own, and the one on stdin, if that is read, is raw.
    """

    stdin: int | None
    stdout: int
    stderr: int
    terminal: bool
    tell: Callable[[str], object]
    begun: Callable[[], object]

    @property
    def screen(self) -> Screen | None:
        return screen((self.stdout, 0, self.stderr)) if self.terminal else None

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Every key goes to the command, Ctrl-C too. Put back in any case, without waiting for output that is held."""
        if not self.terminal or self.stdin is None:
            yield
            return
        before = termios.tcgetattr(self.stdin)
        try:
            tty.setraw(self.stdin, termios.TCSANOW)
            yield
        finally:
            with suppress(termios.error):  # it has gone
                termios.tcsetattr(self.stdin, termios.TCSANOW, before)


def screen(descriptors: tuple[int, ...]) -> Screen:
    """Of the first that is a terminal; a terminal that does not know its size has 24 lines of 80."""
    for descriptor in descriptors:
        with suppress(OSError):
            rows, columns, _, _ = struct.unpack("HHHH", ioctl(descriptor, termios.TIOCGWINSZ, bytes(8)))
            if rows and columns:
                return Screen(rows, columns, os.environ.get("TERM") or "dumb")
    return Screen(24, 80, os.environ.get("TERM") or "dumb")


def usable(descriptor: int) -> bool:
    """Whether it is open at all (`<&-`)."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class Outlet:
    """Writes to a descriptor from a thread of its own. `changed` is called there when there is room again, or it broke."""

    def __init__(self, descriptor: int, changed: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._changed = changed
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._condition = threading.Condition()
        self.failure: OSError | None = None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def room(self) -> bool:
        return self._waiting < FULL

    @property
    def empty(self) -> bool:
        return not self._waiting

    @property
    def closed(self) -> bool:
        """Whether nobody reads it any more; that is no failure of ours."""
        return self.failure is not None and self.failure.errno in (errno.EPIPE, errno.EBADF)

    def put(self, data: bytes) -> None:
        with self._condition:
            if self.failure is None and data:
                self._chunks.append(data)
                self._waiting += len(data)
                self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._chunks:
                    self._condition.wait()
                data = self._chunks.popleft()
            try:
                view = memoryview(data)
                while view:
                    try:
                        view = view[os.write(self._descriptor, view) :]
                    except BlockingIOError:  # somebody who shares it has made it so
                        select.select([], [self._descriptor], [])
            except OSError as error:
                with self._condition:
                    self.failure = error
                    self._chunks.clear()
                    self._waiting = 0
            else:
                with self._condition:
                    self._waiting -= len(data)
            self._changed()
            if self.failure:
                return
