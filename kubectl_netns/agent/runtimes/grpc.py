"""Unary gRPC calls over a Unix socket, with `h2` for HTTP/2. The only user of `h2`.

grpcio is a compiled wheel of 7 MB and unusable in a stock image of another architecture. A call is one stream: headers, one
length-prefixed message each way, and trailers with grpc-status. Source: gRPC over HTTP2 (grpc/doc/PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

import socket
import struct
import time
from urllib.parse import unquote

PREFIX = struct.Struct(">BI")  # compressed flag, length
UNIMPLEMENTED = 12
MAX_REPLY = 64 << 20


class GrpcError(Exception):
    """The call failed; `status` is gRPC's number (12: unimplemented), None where no gRPC answer came at all."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Channel:
    """One HTTP/2 connection. Calls are made one after another, all of them within `timeout` seconds."""

    def __init__(self, path: str, timeout: float) -> None:
        import h2.config
        import h2.connection

        self._deadline = time.monotonic() + timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise GrpcError(error.strerror or str(error)) from error
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http.initiate_connection()

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, method: str, request: bytes) -> bytes:
        """Send one message to `/service/method` and give the one that answers it. Raises GrpcError."""
        import h2.exceptions

        try:
            stream = self._http.get_next_available_stream_id()
            headers = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
                       ("content-type", "application/grpc"), ("te", "trailers")]  # fmt: skip
            self._http.send_headers(stream, headers)
            self._http.send_data(stream, PREFIX.pack(0, len(request)) + request, end_stream=True)
            body, trailers = self._receive(stream)
        except (OSError, h2.exceptions.H2Error, UnicodeError) as error:
            raise GrpcError(f"no sensible answer to {method}: {error or type(error).__name__}") from error
        return _message(method, body, trailers)

    def _receive(self, stream: int) -> tuple[bytes, dict[str, str]]:
        """The body of a stream, and its headers and trailers in one: an error may come in either."""
        import h2.events

        body = bytearray()
        headers: dict[str, str] = {}
        while True:
            self._socket.sendall(self._http.data_to_send())
            self._socket.settimeout(max(0.001, self._deadline - time.monotonic()))
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionError("the connection was closed")
            for event in self._http.receive_data(data):
                if isinstance(event, h2.events.DataReceived) and event.stream_id == stream:
                    body += event.data
                    self._http.acknowledge_received_data(event.flow_controlled_length, stream)
                    if len(body) > MAX_REPLY:
                        raise ConnectionError(f"a reply of more than {MAX_REPLY} bytes")
                elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived) and event.stream_id == stream:
                    headers |= {str(name): str(value) for name, value in event.headers}
                elif isinstance(event, h2.events.StreamEnded) and event.stream_id == stream:
                    return bytes(body), headers
                elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    raise ConnectionError(f"HTTP/2 error {event.error_code}")


def _message(method: str, body: bytes, trailers: dict[str, str]) -> bytes:
    status = trailers.get("grpc-status", "")
    if status != "0":
        reason = unquote(trailers.get("grpc-message", "")) or f"HTTP status {trailers.get(':status')}"
        raise GrpcError(f"{method}: {reason}", int(status) if status.isdigit() else None)
    if len(body) < PREFIX.size or PREFIX.unpack_from(body) != (0, len(body) - PREFIX.size):
        raise GrpcError(f"{method}: the reply is not one whole message")
    return body[PREFIX.size :]
