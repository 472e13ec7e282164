"""Run a command for the client and carry its input and output, until it has ended (`wire.py` has the frames).

One loop, and no call in it waits for more than a moment: whatever the command, the pod or the network do, pings are heard and
answered, and silence is noticed. Buffers are bounded by the window (input) and by not reading from the command (output), since
the agent's pod has little memory. The command itself runs under `supervisor.py`, which ends everything when we close its socket.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress

from .. import wire
from ..errors import ProtocolError
from ..execution import Execution, Screen, Started
from ..model import Warning
from ..wire import Kind
from . import supervisor
from .entrance import Job, Preparing, Refusal
from .place import Place

PING = 5.0
SILENCE = 25.0
TICK = 1.0
STOPPED = 5.0
FULL = 256 << 10  # of output that the client has not taken yet
LINGER = 1.0  # for output of a process elsewhere that holds it open, when the command and all that it started have ended
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OUTPUTS = {1: Kind.STDOUT, 2: Kind.STDERR}


class Gone(Exception):
    """The client has ended, or says nothing any more."""


class Session:
    """One command. `requests` and `replies` are the descriptors behind `reader` and `writer`; `alive` is called at each ping."""

    def __init__(
        self, place: Place, execution: Execution, reader: wire.Reader, writer: wire.Writer,
        requests: int, replies: int, alive: Callable[[], object],
    ) -> None:  # fmt: skip
        self._place, self._execution = place, execution
        self._decoder, self._writer = wire.Decoder(reader), writer
        self._requests, self._replies, self._alive = requests, replies, alive
        self._pending, self._input, self._taken = bytearray(), bytearray(), 0
        self._input_ended = False
        self._stdin: int | None = None
        self._terminal: int | None = None
        self._outputs: dict[int, int] = {}  # descriptor → 1 or 2
        self._channel: socket.socket | None = None
        self._supervisor = 0
        self._signals: list[int] = []
        self._status: int | None = None
        self._left: float | None = None  # when the supervisor had ended
        self._owed: dict[int, int] = {}  # descriptor → bytes of the command's that may be in it still
        self._begun = self._running = self._ended = False
        self._heard = self._sent = self._turned = self._stirred = time.monotonic()

    def run(self) -> int:
        """0 when the command's end was told, 1 when the client has gone."""
        gc.enable()  # unlike a survey this may take a day
        os.set_blocking(self._replies, False)
        self._writer.redirect(self._send)
        preparing = Preparing(self._place, self._execution)
        try:
            while not preparing.done:
                self._turn([preparing.ready])
            self._begin(preparing)
            while self._pending or not self._ended:
                self._turn([])
            return 0
        except (Gone, ProtocolError, ConnectionError):
            return 1
        except Exception as error:  # a bug: told like any other failure
            self._error("failure", f"{type(error).__name__}: {error}")
            with suppress(OSError):
                self._flush()
            return 1
        finally:
            self._close()

    def _begin(self, preparing: Preparing) -> None:
        try:
            self._start(preparing.result())
        except Refusal as refusal:
            self._error(refusal.code, str(refusal))
        except PermissionError as error:
            self._error("permission", f"not allowed to enter network namespaces here: {error.strerror}")

    def _error(self, code: str, message: str) -> None:
        self._writer.send(Kind.ERROR, json.dumps({"code": code, "message": message}).encode())
        self._end()

    def _end(self) -> None:
        self._writer.end()
        self._ended = True

    def _start(self, job: Job) -> None:
        theirs: list[int] = []
        if self._execution.screen is None:
            if self._execution.stdin:
                reading, self._stdin = os.pipe()
            else:
                reading = os.open(os.devnull, os.O_RDONLY)
            theirs.append(reading)
            for number in OUTPUTS:
                output, writing = os.pipe()
                self._outputs[output] = number
                theirs.append(writing)
        self._supervisor, self._channel = supervisor.start(self._place, job, theirs or None)
        for descriptor in (*theirs, job.namespace):
            os.close(descriptor)
        for descriptor in (*self._outputs, *([] if self._stdin is None else [self._stdin])):
            os.set_blocking(descriptor, False)

    def _turn(self, others: list[int]) -> None:
        """Wait for whatever comes next, and do it."""
        now = time.monotonic()
        if now - self._turned > STOPPED:
            self._heard = now  # it was us who were away: a frozen machine
        self._turned = now
        if now - self._sent > PING and not self._pending and not self._ended:
            self._writer.send(Kind.PING)
        reads: list[int | socket.socket] = [self._requests, *others, *([self._channel] if self._channel else [])]
        listening = self._begun and not self._ended and len(self._pending) < FULL  # STARTED is the first that the client hears
        if listening:
            reads += self._outputs
        writes = [self._replies] if self._pending else []
        if self._stdin is not None and self._input:
            writes.append(self._stdin)
        readable, writable, _ = select.select(reads, writes, [], TICK)
        if self._replies in writable:
            self._flush()
        if self._stdin in writable:
            self._feed()
        if self._requests in readable:
            self._receive()
        stirred = [one for one in self._outputs if one in readable]
        for descriptor in stirred:
            self._carry(descriptor)
        if stirred or not listening:
            self._stirred = time.monotonic()
        if self._channel in readable:
            self._hear()
        if time.monotonic() - self._heard > SILENCE:
            raise Gone
        self._conclude()

    def _receive(self) -> None:
        data = os.read(self._requests, 1 << 16)
        if not data:
            raise Gone
        self._heard = time.monotonic()
        for kind, payload in self._decoder.feed(data):
            if kind is Kind.END:
                raise Gone
            elif kind is Kind.PING:
                self._alive()
            elif kind is Kind.STDIN:
                self._input += payload
                if len(self._input) > wire.WINDOW:
                    raise ProtocolError("more input than the window allows")
            elif kind is Kind.STDIN_END:
                self._input_ended = True
                self._close_input()
            elif kind is Kind.SIGNAL:
                self._signals += wire.unpack(wire.STATUS, payload)
                self._signal()
            elif kind is Kind.RESIZE:
                self._resize(*wire.unpack(wire.SIZE, payload))
            elif kind is Kind.CLOSED:
                (number,) = wire.unpack(wire.STATUS, payload)
                for output in [one for one, name in self._outputs.items() if name == number and one != self._terminal]:
                    self._close_output(output)
            else:
                raise ProtocolError(f"{kind.name} is not for the agent")

    def _signal(self) -> None:
        """To the command, as soon as it is there."""
        while self._signals and self._running and self._channel:
            number = self._signals.pop(0)
            if number in FORWARDED:
                with suppress(OSError):  # a supervisor that is stopped: what does not fit repeats what waits for it
                    self._channel.send(bytes([number]), socket.MSG_DONTWAIT)

    def _resize(self, rows: int, columns: int) -> None:
        if self._terminal is not None:
            supervisor.resize(self._terminal, Screen(rows, columns, ""))

    def _hear(self) -> None:
        """What the supervisor says."""
        assert self._channel
        data, rights, _, _ = self._channel.recvmsg(1 << 18, socket.CMSG_SPACE(4))
        if not data:
            self._left = self._stirred = time.monotonic()
            self._owed = {output: supervisor.waiting(output) for output in self._outputs}
            self._channel.close()
            self._channel = None
            return
        message = json.loads(data)
        if "error" in message:
            self._error(message["error"], message["message"])
        elif "started" in message:
            for _, _, descriptors in rights:
                (self._terminal,) = struct.unpack("i", descriptors[:4])
                os.set_blocking(self._terminal, False)
                self._outputs[self._terminal] = 1
                self._stdin = self._terminal
            warnings = tuple(Warning("view-incomplete", text) for text in message["warnings"])
            self._writer.send(Kind.STARTED, wire.encode(Started(message["started"], message["path"], warnings)))
            self._begun = self._running = True
            self._signal()
        else:
            self._running = False
            self._status = message["status"]

    def _feed(self) -> None:
        assert self._stdin is not None
        try:
            written = os.write(self._stdin, bytes(memoryview(self._input)[: wire.CHUNK]))
        except BlockingIOError:
            return
        except OSError:  # nobody reads it any more; the window stays as it is, and the client stops
            self._input.clear()
            self._input_ended = True
            self._close_input()
            return
        del self._input[:written]
        self._taken += written
        if self._taken >= wire.WINDOW // 4 or not self._input:
            self._writer.send(Kind.TAKEN, wire.TAKEN.pack(self._taken))
            self._taken = 0
        self._close_input()

    def _close_input(self) -> None:
        """When all of it is written. A terminal stays open: its end is the command's to tell from ^D."""
        if self._input_ended and not self._input and self._stdin is not None and self._stdin != self._terminal:
            os.close(self._stdin)
            self._stdin = None

    def _carry(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, wire.CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if data:
            self._writer.send(OUTPUTS[self._outputs[descriptor]], data)
            if self._left:
                self._owed[descriptor] -= len(data)
        else:
            self._close_output(descriptor)

    def _close_output(self, descriptor: int) -> None:
        del self._outputs[descriptor]
        os.close(descriptor)
        if descriptor == self._terminal:
            self._terminal = self._stdin = None

    def _conclude(self) -> None:
        """When the command has ended and its output is all there, say so. A stranger may hold it open, and may go on writing."""
        if self._left is None or self._ended:
            return
        now = time.monotonic()
        over = now - self._left >= LINGER and all(self._owed[output] <= 0 for output in self._outputs)
        if self._outputs and not over and now - self._stirred < LINGER:
            return
        if self._status is None:
            self._error("failure", "the command's supervisor was ended (out of memory?)")
        else:
            self._writer.send(Kind.EXITED, wire.STATUS.pack(self._status & 0xFF))
            self._end()

    def _send(self, data: wire.Data) -> None:
        self._pending += data
        self._sent = time.monotonic()

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            del self._pending[: os.write(self._replies, bytes(memoryview(self._pending)[: 1 << 16]))]

    def _close(self) -> None:
        """Let go of everything; the supervisor takes a closed socket as the sign to end what still runs."""
        for descriptor in {*self._outputs, *([] if self._stdin is None else [self._stdin])}:
            os.close(descriptor)
        if self._channel:
            self._channel.close()
        if self._supervisor:
            supervisor.finish(self._supervisor)
