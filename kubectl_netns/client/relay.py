"""Carry a command's input and output between this process and the agent, until the command has ended (`wire.py` has the frames).

One loop; whatever may block is in a thread (`streams.Outlet`) or waited for with `select`, so that pings go out and signals are
heard all the time. Signals are the command's first:

    SIGINT             handed on; a second one leaves. A command may take its time after a Ctrl-C, or live on, as a shell does
    SIGTERM, SIGHUP    handed on; when the command has not ended GRACE seconds later, we leave
    SIGWINCH           the new size is handed on

To leave is to let go: the agent ends whatever runs, and the caller's clean-up follows as after any interrupt.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from .. import wire
from ..errors import NetnsError, NodeError, ProtocolError
from ..execution import Execution, Started
from ..wire import Kind
from .conversation import PING, Child, failure, greet, hold
from .streams import Outlet, Streams, screen, usable

GRACE = 5.0
SILENCE = 30.0
TICK = 1.0
STOPPED = 5.0
UPSTREAM = 256 << 10  # bytes on their way to kubectl
HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def execute(
    command: list[str], bundle: bytes, nonce: str, heard: Callable[[], object],
    execution: Execution, timeout: float, streams: Streams, keep: float = 0.0,
) -> int:  # fmt: skip
    """The command's exit status. `timeout` is for its start. Raises NetnsError, or conversation.Silent before the first word."""

    def talk(child: Child, reader: wire.Reader, writer: wire.Writer) -> int:
        child.ping = lambda: writer.send(Kind.PING)
        greet(reader, nonce, heard)
        try:
            started = _started(reader)
        except TimeoutError:  # not Silent: that would have it started once more
            raise NodeError(f"the command did not start within {timeout:.0f} s", "give it longer with --timeout") from None
        streams.begun()
        for warning in started.warnings:
            streams.tell(f"warning: {warning.message}")
        return _Relay(child, reader, writer, streams).run()

    return hold(command, bundle, nonce, Kind.EXEC, wire.encode(execution), timeout, talk, keep)


def _started(reader: wire.Reader) -> Started:
    kind, payload = reader.receive()
    while kind is Kind.PING:
        kind, payload = reader.receive()
    if kind is Kind.ERROR:
        raise failure(payload)
    if kind is not Kind.STARTED:
        raise ProtocolError(f"the agent sent {kind.name} where STARTED should be")
    return wire.decode(Started, payload)


class _Relay:
    def __init__(self, child: Child, reader: wire.Reader, writer: wire.Writer, streams: Streams) -> None:
        self._child, self._writer, self._streams = child, writer, streams
        self._decoder = wire.Decoder(reader)
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._outlets = {
            Kind.STDOUT: Outlet(streams.stdout, self._note),
            Kind.STDERR: Outlet(streams.stderr, self._note),
        }
        self._told_closed: set[Kind] = set()
        self._stdin = streams.stdin
        self._window = wire.WINDOW
        self._handlers: dict[int, object] = {}
        self._interrupted = False
        self._hint_at: float | None = None
        self._leave_at: tuple[float, int] | None = None
        self._status: int | None = None
        self._ended = False
        self._heard = self._pinged = self._turned = time.monotonic()

    def run(self) -> int:
        if self._stdin is not None and not usable(self._stdin):
            self._end_input()
        with self._signals(), self._streams.raw():
            self._resize()  # it may have changed before we were told of changes
            while not (self._ended and all(outlet.empty for outlet in self._outlets.values())):
                self._turn()
        self._writer.end()
        self._child.flush()
        assert self._status is not None
        return self._status

    def _turn(self) -> None:
        now = time.monotonic()
        if now - self._turned > STOPPED:
            self._heard = now  # it was us who were away (Ctrl-Z, a machine asleep): what came meanwhile is to be read first
        self._turned = now
        if now - self._pinged > PING and not self._ended:
            self._pinged = now
            self._writer.send(Kind.PING)
        hears, says = self._child.descriptors
        listening = not self._ended and all(outlet.room for outlet in self._outlets.values())
        reads = [self._wake, *([says] if listening else [])]
        if self._stdin is not None and self._window > 0 and self._child.waiting < UPSTREAM:
            reads.append(self._stdin)
        readable, writable, _ = select.select(reads, [hears] if self._child.waiting else [], [], TICK)
        if writable:
            self._child.write()
        if says in readable:
            self._receive(says)
        elif not listening:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > SILENCE:
            raise NodeError(f"the agent has not been heard of for {SILENCE:.0f} s: the command was left", self._complaint())
        if self._stdin in readable and not self._ended:
            self._read_input()
        if self._wake in readable:
            for number in os.read(self._wake, 64):
                self._signalled(number)
        self._watch_outlets()
        self._watch_clock()

    def _receive(self, source: int) -> None:
        data = os.read(source, 1 << 16)
        if not data:
            raise NetnsError("the connection with the command was lost", self._complaint())
        self._heard = time.monotonic()
        for kind, payload in self._decoder.feed(data):
            if kind in self._outlets:
                self._outlets[kind].put(payload)
            elif kind is Kind.TAKEN:
                self._window += wire.unpack(wire.TAKEN, payload)[0]
            elif kind is Kind.EXITED:
                (self._status,) = wire.unpack(wire.STATUS, payload)
            elif kind is Kind.ERROR:
                raise failure(payload)
            elif kind is Kind.END:
                if self._status is None:
                    raise ProtocolError("the agent ended without the command's exit status")
                self._ended = True
                return
            elif kind is not Kind.PING:
                raise ProtocolError(f"{kind.name} is not for the client")

    def _read_input(self) -> None:
        assert self._stdin is not None
        try:
            data = os.read(self._stdin, min(wire.CHUNK, self._window))
        except OSError:  # a terminal that has gone
            data = b""
        if data:
            self._window -= len(data)
            self._writer.send(Kind.STDIN, data)
        else:
            self._end_input()

    def _end_input(self) -> None:
        self._stdin = None
        self._writer.send(Kind.STDIN_END)

    def _watch_outlets(self) -> None:
        """A reader that went away (`| head`) is told to the command, which then gets its SIGPIPE. A full disk ends us."""
        for number, (kind, outlet) in enumerate(self._outlets.items(), 1):
            if outlet.failure is None or kind in self._told_closed:
                continue
            if not outlet.closed:
                raise NetnsError(f"the command's output cannot be written: {outlet.failure.strerror}")
            self._told_closed.add(kind)
            self._writer.send(Kind.CLOSED, wire.STATUS.pack(number))

    def _note(self, number: int = 0) -> None:
        try:
            os.write(self._waker, bytes([number]))
        except OSError:
            pass  # full: it wakes anyway

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def handler(number: int, _: FrameType | None) -> None:
            self._note(number)

        self._handlers = {number: signal.signal(number, handler) for number in (*HANDED_ON, signal.SIGWINCH)}
        try:
            yield
        finally:
            for number, before in self._handlers.items():
                if signal.getsignal(number) is handler:  # not when we leave: then nothing may interrupt the clean-up
                    signal.signal(number, before)  # type: ignore[arg-type]

    def _signalled(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self._resize()
        elif number in HANDED_ON:
            if number == signal.SIGINT and (self._interrupted or self._ended):
                self._leave(number)
            self._writer.send(Kind.SIGNAL, wire.STATUS.pack(number))
            now = time.monotonic()
            if number == signal.SIGINT:
                self._interrupted, self._hint_at = True, now + 2
            elif self._leave_at is None:
                self._leave_at = now + GRACE, number

    def _watch_clock(self) -> None:
        now = time.monotonic()
        if self._hint_at and now > self._hint_at and not self._ended:
            self._hint_at = None
            self._streams.tell("the command goes on after its SIGINT; Ctrl-C again ends it")
        if self._leave_at and now > self._leave_at[0]:
            self._leave(self._leave_at[1])

    def _leave(self, number: int) -> None:
        """As if the signal had come with no command running: the handler that was there before raises what ends us."""
        before = self._handlers[number]
        if callable(before):
            before(number, None)
        raise KeyboardInterrupt

    def _resize(self) -> None:
        if self._streams.terminal:
            size = screen((self._streams.stdout, 0, self._streams.stderr))
            self._writer.send(Kind.RESIZE, wire.SIZE.pack(size.rows, size.columns))

    def _complaint(self) -> str | None:
        """What kubectl says of it, if it says anything."""
        self._child.end()
        return self._child.complaints() or None
