"""Serve one client over stdin and stdout, as `wire.py` describes, then end.

    python3 -m kubectl_netns.agent [local | stay DOOR NONCE]

The client's nonce comes back in our HELLO, so that each knows the other. While a question is being answered a thread reads
the client's pings: when none came for SILENCE seconds, or stdin ended, the client is gone and this process exits, whatever
it is doing. Meanwhile every ping is passed on to the waiter (`client/waiter.py`), which keeps the pod alive on our behalf.
A command to run instead of a question is `session.py`'s, pings included. `stay` leaves a process for the next one: `warm.py`.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import BinaryIO, NoReturn

from .. import wire
from ..aliases import Linked, Linking
from ..errors import ProtocolError
from ..execution import Execution
from ..questions import Question
from .discover import survey
from .place import HERE, NODE, Place

SILENCE = 25.0


def main() -> int:
    gc.disable()  # facts know no cycles, and this process lives for seconds: collecting costs a third of the reading
    words = sys.argv[1:]
    if words[:1] == ["stay"]:
        from .warm import stay

        stay(words[1], words[2], run)
    place = HERE if "local" in words else NODE
    # stray prints must not break the frames: whatever a library writes to stdout goes to stderr
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return serve(place, sys.stdin.buffer, replies)


def serve(place: Place, requests: BinaryIO, replies: BinaryIO) -> int:
    def write(data: wire.Data) -> None:
        view = memoryview(data)
        while view:
            view = view[replies.write(view) :]

    reader, writer = wire.Reader(_read1(requests)), wire.Writer(write)
    try:
        hello = json.loads(_expect(reader, wire.Kind.HELLO))
        nonce, keep = str(hello["nonce"]), int(hello.get("keep", 0))
        writer.send(wire.Kind.HELLO, json.dumps({"version": wire.VERSION, "nonce": nonce}).encode())
        _sign(nonce, keep)
        kind, payload = _next(reader)
        if kind is wire.Kind.EXEC:
            from .session import Session  # not loaded for a question

            signal.alarm(0)
            execution = wire.decode(Execution, payload)
            alive = functools.partial(_sign, nonce)
            return Session(place, execution, reader, writer, requests.fileno(), replies.fileno(), alive).run()
        if kind not in wire.REQUESTS:
            raise ProtocolError(f"expected QUESTION, got {kind.name}")
        request: Question | Linking = wire.decode(wire.REQUESTS[kind], payload)
        threading.Thread(target=_follow, args=(reader, requests, nonce), daemon=True).start()
        signal.alarm(0)  # set by `client/boot.py`: from here on the pings tell whether there is a client
        reply = _linked(place, request) if isinstance(request, Linking) else survey(place, request)
        writer.send(wire.Kind.ANSWER, wire.encode(reply))
    except PermissionError as error:
        writer.send(wire.Kind.ERROR, _error(f"not allowed to enter network namespaces here: {error.strerror}", "permission"))
    except Exception as error:  # the client must learn of anything that goes wrong here
        writer.send(wire.Kind.ERROR, _error(f"{type(error).__name__}: {error}", "failure"))
    writer.end()
    return 0


def _linked(place: Place, linking: Linking) -> Linked:
    from . import aliases  # not loaded for a question

    return aliases.serve(place, linking)


def _error(message: str, code: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


def _expect(reader: wire.Reader, kind: wire.Kind) -> bytes:
    received, payload = _next(reader)
    if received is not kind:
        raise ProtocolError(f"expected {kind.name}, got {received.name}")
    return payload


def _next(reader: wire.Reader) -> tuple[wire.Kind, bytes]:
    """The next frame that is no ping."""
    received, payload = reader.receive()
    while received is wire.Kind.PING:
        received, payload = reader.receive()
    return received, payload


def _follow(reader: wire.Reader, requests: BinaryIO, nonce: str) -> None:
    """Take pings until the client ends or falls silent; then this process has nobody to work for."""
    try:
        while select.select([requests], [], [], SILENCE)[0]:
            kind, _ = reader.receive()
            if kind is wire.Kind.END:
                return
            _sign(nonce)
        os._exit(1)
    except ProtocolError:
        os._exit(1)


def _sign(nonce: str, keep: int = 0) -> None:
    """A sign of life for the waiter, or the seconds that it is to stay after the last one; with --local there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waiter, suppress(OSError):
        waiter.sendto(b"%d" % keep if keep else b"+", f"\0kubectl-netns-{nonce}")


def _read1(stream: BinaryIO):  # type: ignore[no-untyped-def]
    """Unbuffered reads, so that `select` sees all that is still to come."""
    descriptor = stream.fileno()
    return lambda count: os.read(descriptor, count)


def run() -> NoReturn:
    # os._exit, not sys.exit: a thread that still waits for the client must not delay the end
    status = main()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
