"""Start daemons, remember them, and end them: by PID and start time together, so that a reused PID is never hit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .places import STATE, Trouble


def started_at(pid: int) -> str | None:
    """The start time of a living process (field 22 of /proc/PID/stat, in ticks), None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def start(name: str, command: list[str]) -> int:
    """A daemon in a session of its own, its output in a log; remembered under `name`."""
    with open(STATE / f"{name}.log", "ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    remember(name, process.pid)
    return process.pid


def remember(name: str, pid: int) -> None:
    (STATE / f"{name}.pid").write_text(json.dumps({"pid": pid, "started": started_at(pid)}))


def running(name: str) -> int | None:
    """The PID under which `name` still runs."""
    try:
        record = json.loads((STATE / f"{name}.pid").read_text())
    except (OSError, ValueError):
        return None
    alive = record["started"] is not None and started_at(record["pid"]) == record["started"]
    return int(record["pid"]) if alive else None


def end(name: str, seconds: float = 10.0) -> None:
    """TERM, then KILL, and wait until it is gone. The whole group is meant: nsenter stands in front of what it started."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        pid = running(name)
        if pid is None:
            break
        os.killpg(pid, number)
        deadline = time.monotonic() + patience
        while running(name) and time.monotonic() < deadline:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
            time.sleep(0.05)
    (STATE / f"{name}.pid").unlink(missing_ok=True)


def wait(what: str, ready: Callable[[], bool], seconds: float, log: str) -> None:
    """Until `ready`. Raises Trouble with the log's tail: what was waited for is said, and why it may have failed."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise Trouble(f"{what} did not happen within {seconds:.0f} s; the end of {log}.log:\n{tail(log)}")
        time.sleep(0.1)


def tail(log: str, lines: int = 15) -> str:
    try:
        return "\n".join((STATE / f"{log}.log").read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(there is none)"


def run(*command: str | Path, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    """A short command. Raises Trouble with what it complained of."""
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, errors="replace", **options)  # type: ignore[call-overload]
    if check and result.returncode:
        raise Trouble(f"`{' '.join(words[:6])}` failed: {(result.stderr or result.stdout).strip()[-1500:]}")
    return result  # type: ignore[no-any-return]
