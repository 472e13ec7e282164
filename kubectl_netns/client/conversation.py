"""Talk with an agent whose stdin and stdout are a child process's pipes: kubectl exec's, or the agent's own with --local.

One loop both writes and reads, so that neither side can block the other, and every wait has an end. A ping goes out every
PING seconds while the answer is awaited: without pings the agent ends itself.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TypeVar

from .. import wire
from ..errors import NetnsError, NoCommandError, NodeError, NoNamespaceError, NotExecutableError, ProtocolError, UsageError
from ..questions import Reply, Request
from . import children

PING = 5.0
COMMAND_ERRORS: dict[str, type[NetnsError]] = {
    "no-command": NoCommandError, "not-executable": NotExecutableError,
    "no-namespace": NoNamespaceError, "ambiguous": UsageError,
}  # fmt: skip
Result = TypeVar("Result")


@dataclass(frozen=True)
class Silent(Exception):
    """The other side ended, or fell silent, without saying anything; `stderr` is what its process complained of."""

    stderr: str
    timed_out: bool = False


def ask(
    command: list[str], bundle: bytes, nonce: str, heard: Callable[[], object], request: Request[Reply],
    timeout: float, keep: float = 0.0,
) -> Reply:  # fmt: skip
    """Run `command`, feed it the bundle and the request, and give its answer. Raises NetnsError, or Silent.

    `heard` is called once the agent has said its first word; `keep`: how long its pod is to stay after this.
    """

    def talk(child: Child, reader: wire.Reader, writer: wire.Writer) -> Reply:
        child.ping = lambda: writer.send(wire.Kind.PING)
        greet(reader, nonce, heard)
        answer = _receive(reader, request)
        child.ping = lambda: None
        writer.end()
        child.flush()
        return answer

    return hold(command, bundle, nonce, wire.kind_of(request), wire.encode(request), timeout, talk, keep)


def hold(
    command: list[str], bundle: bytes, nonce: str, kind: wire.Kind, request: wire.Data, timeout: float,
    talk: Callable[[Child, wire.Reader, wire.Writer], Result], keep: float,
) -> Result:  # fmt: skip
    """Run `command`, feed it the bundle and the request, and let `talk` hear what it says. Raises NetnsError, or Silent."""
    with tempfile.TemporaryFile() as complaints, Child(command, complaints, time.monotonic() + timeout) as child:
        writer = wire.Writer(child.put)
        child.put(bundle)
        writer.send(wire.Kind.HELLO, json.dumps({"version": wire.VERSION, "nonce": nonce, "keep": int(keep)}).encode())
        writer.send(kind, request)
        try:
            return talk(child, wire.Reader(child.take), writer)
        except (ProtocolError, BrokenPipeError, TimeoutError) as error:
            if child.received and not isinstance(error, TimeoutError):
                raise
            child.end()
            raise Silent(child.complaints(), isinstance(error, TimeoutError)) from error


def greet(reader: wire.Reader, nonce: str, heard: Callable[[], object]) -> None:
    """The agent's first word: it is ours, and of our version."""
    hello = _json(_expect(reader, wire.Kind.HELLO))
    heard()
    if hello.get("nonce") != nonce:
        raise ProtocolError("something else than our agent answered: its nonce is not ours")
    if hello.get("version") != wire.VERSION:
        raise ProtocolError(f"the agent speaks version {hello.get('version')!r}, this client {wire.VERSION}")


def _receive(reader: wire.Reader, request: Request[Reply]) -> Reply:
    kind, payload = reader.receive()
    if kind is wire.Kind.ERROR:
        _expect(reader, wire.Kind.END)
        raise failure(payload)
    if kind is not wire.Kind.ANSWER:
        raise ProtocolError(f"the agent sent {kind.name} where its answer should be")
    _expect(reader, wire.Kind.END)
    return wire.decode(request.reply(), payload)


def failure(payload: bytes) -> NetnsError:
    """What an ERROR says."""
    error = _json(payload)
    message, code = f"the agent failed: {error.get('message')}", error.get("code")
    if code in COMMAND_ERRORS:
        return COMMAND_ERRORS[str(code)](str(error.get("message")))
    if code == "permission":
        return NodeError(message, "entering namespaces needs root (CAP_SYS_ADMIN and CAP_SYS_PTRACE)")
    return NetnsError(message)


def _expect(reader: wire.Reader, kind: wire.Kind) -> bytes:
    received, payload = reader.receive()
    if received is not kind:
        raise ProtocolError(f"the agent sent {received.name} where {kind.name} should be")
    return payload


def _json(payload: bytes) -> dict[str, object]:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the agent sent something that is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProtocolError("the agent sent JSON of an unexpected shape")
    return value


class Child:
    """A child process with non-blocking pipes. It is ended, and waited for, in any case."""

    def __init__(self, command: list[str], stderr: IO[bytes], deadline: float) -> None:
        self._process = children.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        assert self._process.stdin and self._process.stdout
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._stdin, False)
        self._stderr = stderr
        self.deadline = deadline
        self._pending = bytearray()
        self.received = False
        self.ping: Callable[[], object] = lambda: None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def descriptors(self) -> tuple[int, int]:
        """For whoever selects for himself: what it hears, and what it says."""
        return self._stdin, self._stdout

    @property
    def waiting(self) -> int:
        """Bytes that were put and that it has not taken yet."""
        return len(self._pending)

    def complaints(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read(1 << 16).decode(errors="replace").strip()

    def put(self, data: wire.Data) -> None:
        self._pending += data

    def take(self, count: int) -> bytes:
        """At most `count` bytes, b"" at the end. Raises TimeoutError past the deadline."""
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            writable = [self._stdin] if self._pending else []
            ready, ready_to_write, _ = select.select([self._stdout], writable, [], min(PING, left))
            if ready_to_write:
                self.write()
            if ready:
                data = os.read(self._stdout, count)
                self.received |= bool(data)
                return data
            if not ready_to_write:
                self.ping()

    def flush(self) -> None:
        """Say good-bye if the other side still listens; it is no failure if not."""
        try:
            self.write()
        except OSError:
            pass

    def write(self) -> None:
        try:
            del self._pending[: os.write(self._stdin, memoryview(self._pending)[: 1 << 16].tobytes())]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._pending.clear()  # it ended: reading tells the rest

    def end(self) -> None:
        assert self._process.stdin and self._process.stdout
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except OSError:
                pass
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
