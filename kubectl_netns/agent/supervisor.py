"""A process between the agent and the command: it enters the namespace, starts the command, and sees to it that nothing survives.

It is forked from the agent, speaks with it over a socket of packets, and goes on alone when the agent dies:

    agent → supervisor   one byte: a signal for the command's process group; the end of the socket: the client is gone
    supervisor → agent   JSON: {started, path, warnings} with the terminal's descriptor, if there is one; or {error, message};
                         later {status}, when the command has ended and nothing that it started is left; then the end

All descendants become its children when their parents end (a child subreaper), so to end everything is to end one's children
until there are none. They get SIGHUP first, then SIGKILL. What a killed supervisor leaves becomes the agent's in the same way.
Once the files of another root are around us nothing may be imported or looked up through the C library's own files.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import termios
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from ..execution import Screen
from . import kernel, scenery, tools
from .enter import enter
from .entrance import Job
from .place import Place

PATIENCE = 2.0  # between SIGHUP and SIGKILL
LAST = 5.0  # after SIGKILL: a process that the kernel does not end by then is left to the agent pod's end
SHELL = "/bin/sh"
EXEC_FAILED = 126
TERMINAL = 64 << 10  # bytes that one holds at most


def start(place: Place, job: Job, stdio: Sequence[int] | None) -> tuple[int, socket.socket]:
    """Fork the supervisor: its PID, and the socket that leads to it. The caller may have one thread only.

    `stdio` are the command's own descriptors; None: it gets a terminal. The caller closes its copies.
    """
    kernel.adopt_orphans()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        _close_all_but(theirs.fileno(), job.namespace, *(stdio or ()))
        _Supervisor(place, job, theirs).run(stdio)
    except tools.Unusable as error:
        _tell(theirs, {"error": error.code, "message": str(error)})
    except PermissionError as error:
        _tell(theirs, {"error": "permission", "message": f"not allowed to enter the namespace here: {error}"})
    except BaseException as error:  # whatever it is, the agent tells the client; a traceback would look for files
        _tell(theirs, {"error": "failure", "message": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(0)


def finish(pid: int) -> None:
    """Once its socket is closed: give the supervisor its time. If it was killed, what it has left is ours, and is killed too."""
    there = True
    deadline = time.monotonic() + PATIENCE + LAST + 1
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        there = there and ended != pid
        if not ended:
            for child in [] if there else children():
                os.kill(child, signal.SIGKILL)
            time.sleep(0.005)


def _close_all_but(*kept: int) -> None:
    """The agent's ends of the pipes too: a command whose input never ended would wait for ever, or write to nobody."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
        if descriptor > 2 and descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError:
                pass  # the one through which the list was read


def _tell(channel: socket.socket, message: dict[str, object], *descriptors: int) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))] if descriptors else []
    try:
        channel.sendmsg([json.dumps(message).encode()], rights)
    except OSError:
        pass  # the agent has gone


class _Supervisor:
    def __init__(self, place: Place, job: Job, channel: socket.socket) -> None:
        self._place = place
        self._job = job
        self._channel = channel
        self._child = 0
        self._status: int | None = None
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self, stdio: Sequence[int] | None) -> None:
        kernel.adopt_orphans()
        files = scenery.read(self._place, self._job.key, dict(self._job.files))
        enter(self._job.namespace)
        os.close(self._job.namespace)
        wanted = self._job.execution
        kits = tools.kits(self._place, wanted.tools, os.environ)
        kit, path = tools.choose(self._place, kits, wanted.arguments[0])
        for one in kits:
            for descriptor in one.descriptors:
                os.close(descriptor)
        warnings = scenery.arrange(files)
        environment = dict(kit.environment)
        terminal: tuple[int, ...] = ()
        if wanted.screen:
            environment["TERM"] = wanted.screen.kind
            master, slave = os.openpty()  # of the file system where the command will look for its name
            resize(master, wanted.screen)
            terminal, stdio = (master,), (slave, slave, slave)
        assert stdio
        self._spawn(path, environment, stdio, bool(terminal))
        for descriptor in set(stdio):
            os.close(descriptor)
        _tell(self._channel, {"started": kit.name, "path": path, "warnings": warnings}, *terminal)
        for descriptor in terminal:
            os.close(descriptor)
        self._watch()
        end_children(self._wake, self._reap)
        _tell(self._channel, {"status": self._status})

    def _spawn(self, path: str, environment: dict[str, str], stdio: Sequence[int], terminal: bool) -> None:
        """Fork and exec. Raises Unusable if the kernel does not take the program."""
        failure, report = os.pipe()
        self._child = os.fork()
        if not self._child:
            try:
                _become(path, self._job.execution.arguments, environment, stdio, terminal)
            except OSError as error:
                os.write(report, struct.pack("i", error.errno or 0))
            finally:
                os._exit(EXEC_FAILED)
        os.close(report)
        with os.fdopen(failure, "rb", buffering=0) as pipe:
            told = pipe.read(4)
        if told:
            code = struct.unpack("i", told)[0]
            because = "its interpreter is missing" if code == errno.ENOENT else os.strerror(code)
            raise tools.Unusable("not-executable", f"{path} cannot be run: {because}")

    def _watch(self) -> None:
        """Until the command ends, or the client goes: then what it started gets its SIGHUP as one group."""
        while self._status is None:
            sources: list[int | socket.socket] = [self._channel, self._wake]
            ready, _, _ = select.select(sources, [], [])
            if self._wake in ready:
                os.read(self._wake, 64)
                self._reap()
            if self._channel in ready and self._status is None:
                number = self._channel.recv(1)
                try:
                    os.killpg(self._child, number[0] if number else signal.SIGHUP)
                except OSError:
                    pass
                if not number:
                    return

    def _reap(self) -> bool:
        """Whether children are left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                if pid == self._child:
                    code = os.waitstatus_to_exitcode(status)
                    self._status = code if code >= 0 else 128 - code
        except ChildProcessError:
            return False


def resize(terminal: int, screen: Screen) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", screen.rows, screen.columns, 0, 0))


def waiting(output: int) -> int:
    """Bytes that may be there to be read. A terminal does not tell of all that it holds (4095 of 15000: m, Linux 6.18)."""
    return TERMINAL if os.isatty(output) else int(struct.unpack("i", fcntl.ioctl(output, termios.FIONREAD, bytes(4)))[0])


def _become(
    path: str, arguments: tuple[str, ...], environment: dict[str, str], stdio: Sequence[int], terminal: bool
) -> NoReturn:
    os.setsid()
    kernel.end_with_parent(signal.SIGKILL)
    for target, descriptor in enumerate(stdio):
        os.dup2(descriptor, target)
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # SIGKILL, SIGSTOP, and those that the C library keeps
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    words = [word.encode("utf-8", "surrogateescape") for word in arguments]
    try:
        os.execve(path, words, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        os.execve(SHELL, [SHELL.encode(), os.fsencode(path), *words[1:]], environment)  # a script without #!, as a shell does


def end_children(wake: int, reap: Callable[[], bool]) -> None:
    """`reap` says whether children are left; `wake` becomes readable when one ends."""
    for number, patience in (signal.SIGHUP, PATIENCE), (signal.SIGKILL, LAST):
        deadline = time.monotonic() + patience
        told: set[int] = set()
        while reap():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            for pid in children():
                # ours are not reaped by anybody else, so the number cannot have become a stranger's
                if pid not in told:
                    told.add(pid)
                    os.kill(pid, number)
                    os.kill(pid, signal.SIGCONT)
            if select.select([wake], [], [], min(left, 0.1))[0]:
                os.read(wake, 64)
        else:
            return


def children() -> list[int]:
    """The children of this process, zombies too (proc(5): the fields after the command's name are state and parent)."""
    own = os.getpid()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb", buffering=0) as file:
                    fields = file.read(512).rpartition(b")")[2].split()
            except OSError:
                continue
            if len(fields) > 1 and int(fields[1]) == own:
                found.append(int(name))
    return found
