"""A shell on a terminal of its own (a pty), in which keys are typed and whose screen is read."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from types import TracebackType

CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>()][0-9A-Z]?|\x1b\][^\x07]*\x07|[\x07\r]")


class Terminal:
    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.execvpe(command[0], command, {**os.environ, **environment, "TERM": "xterm", "COLUMNS": "200"})
        self.text = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.screen)

    def type(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    def until(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """What the screen shows up to the first match; what comes after it is left for the next time."""
        deadline = time.monotonic() + seconds
        while True:
            if match := re.search(pattern, self.text):
                self.text = self.text[match.end() :]
                return match
            assert time.monotonic() < deadline, f"{pattern!r} is not on the screen: {self.text!r}"
            if select.select([self.screen], [], [], 0.1)[0]:
                self.text = CONTROL.sub("", self.text + os.read(self.screen, 1 << 16).decode(errors="replace"))
