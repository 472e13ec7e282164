"""A CRI server on a Unix socket, in threads of this process: it answers as cri-api's api.proto says, or as badly as it is told.

    with CriServer(path, {"/runtime.v1.RuntimeService/Version": (0, message((2, "containerd")))}) as server:
        …
    server.calls    # [(method, request), …]

A method that is not in `replies` is UNIMPLEMENTED, in the same words as grpc-go's. `Manner` says what is wrong with the rest.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import h2.config
import h2.connection
import h2.errors
import h2.events

OK, NOT_FOUND, INTERNAL, UNIMPLEMENTED = 0, 5, 13, 12
Reply = tuple[int, bytes]
Replies = dict[str, Reply | Callable[[bytes], Reply]]
"""Method path → (grpc-status, message), or what makes that of the request's message. Of a failure the message is its reason."""


@dataclass(frozen=True)
class Manner:
    """How the server misbehaves; by default it does not.

    `instead` is sent for the whole HTTP/2 answer, `body` for the length-prefixed message; `closing` hangs up after the
    request was read, `silent` never says a word, `pinging` only keeps the connection busy, `split` writes so many bytes at a
    time, `late_failure` puts a failure's status behind a body, in trailers.
    """

    silent: bool = False
    closing: bool = False
    pinging: bool = False
    resetting: bool = False
    instead: bytes | None = None
    body: Callable[[bytes], bytes] | None = None
    compressed: bool = False
    split: int | None = None
    frame: int | None = None
    http_only: bool = False
    late_failure: bool = False


@dataclass
class CriServer:
    path: Path | str
    replies: Replies = field(default_factory=dict)
    manner: Manner = Manner()
    calls: list[tuple[str, bytes]] = field(default_factory=list)

    def __enter__(self) -> CriServer:
        self._ended = threading.Event()
        self._sockets = [socket.socket(socket.AF_UNIX)]
        self._sockets[0].bind(str(self.path))
        self._sockets[0].listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.is_set():
                connection, _ = self._sockets[0].accept()
                self._sockets.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.manner.instead is not None:
                connection.sendall(self.manner.instead)
                while connection.recv(1 << 16):
                    pass
            else:
                _Conversation(self, connection).run()
        connection.close()


class _Conversation:
    """One connection."""

    def __init__(self, server: CriServer, connection: socket.socket) -> None:
        self._server, self._manner, self._socket = server, server.manner, connection
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[str, bytearray]] = {}
        self._unsent: dict[int, tuple[bytearray, list[tuple[str, str]]]] = {}

    def run(self) -> None:
        if not self._manner.silent:
            self._http.initiate_connection()
            self._flush()
        while data := self._socket.recv(1 << 16):
            for event in [] if self._manner.silent else self._http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._requests[event.stream_id or 0] = dict(event.headers)[":path"], bytearray()
                elif isinstance(event, h2.events.DataReceived):
                    self._requests[event.stream_id or 0][1].extend(event.data or b"")
                elif isinstance(event, h2.events.StreamEnded):
                    if self._manner.closing:
                        return
                    self._answer(event.stream_id or 0)
            self._pour()
            self._flush()

    def _answer(self, stream: int) -> None:
        method, body = self._requests.pop(stream)
        assert struct.unpack_from(">BI", body) == (0, len(body) - 5), "a request is one whole message"
        request = bytes(body[5:])
        self._server.calls.append((method, request))
        if self._manner.pinging:
            self._keep_busy()
            return
        if self._manner.resetting:
            self._http.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            return
        if self._manner.http_only:
            self._http.send_headers(stream, [(":status", "404"), ("content-type", "text/plain")], end_stream=True)
            return
        service, _, _ = method.strip("/").partition("/")
        reply = self._server.replies.get(method, (UNIMPLEMENTED, f"unknown service {service}".encode()))
        status, message = reply(request) if callable(reply) else reply
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        outcome = [("grpc-status", str(status))]
        if status != OK:
            outcome.append(("grpc-message", quote(message.decode())))
            message = b""
            if not self._manner.late_failure:
                self._http.send_headers(stream, headers + outcome, end_stream=True)
                return
        framed = struct.pack(">BI", int(self._manner.compressed), len(message)) + message
        self._http.send_headers(stream, headers)
        self._unsent[stream] = bytearray(self._manner.body(framed) if self._manner.body else framed), outcome

    def _pour(self) -> None:
        """Send as much as the client's flow-control windows allow; the rest when it has opened them again."""
        for stream, (body, trailers) in list(self._unsent.items()):
            while body and (window := self._http.local_flow_control_window(stream)):
                size = min(len(body), window, self._manner.frame or self._http.max_outbound_frame_size)
                self._http.send_data(stream, bytes(body[:size]))
                del body[:size]
            if not body:
                self._http.send_headers(stream, trailers, end_stream=True)
                del self._unsent[stream]

    def _flush(self) -> None:
        data = self._http.data_to_send()
        size = self._manner.split or max(1, len(data))
        for start in range(0, len(data), size):
            self._socket.sendall(data[start : start + size])
            if self._manner.split:
                time.sleep(0.0005)

    def _keep_busy(self) -> None:
        while True:
            self._http.ping(b"busybusy")
            self._flush()
            time.sleep(0.02)


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A protobuf message: field numbers with a number, a text or a nested message."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value & (1 << 64) - 1)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return bytes(out)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    return bytes((value & 0x7F | 0x80,)) + _varint(value >> 7)
