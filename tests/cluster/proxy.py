"""A proxy on the loopback that speaks HTTP's CONNECT and SOCKS5 (RFC 1928, RFC 1929), and remembers who wanted to go where."""

from __future__ import annotations

import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []  # socks5 or http, the credentials, and HOST:PORT as it was named
        self.hosts: dict[str, str] = {}  # addresses of names that only the proxy knows

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with suppress(OSError):
            first = self.connection.recv(1, socket.MSG_PEEK)
            if first == b"\x05":
                self._socks()
            elif first:
                self._http()

    def _http(self) -> None:
        verb, where, _ = self.rfile.readline().decode().split()
        headers: dict[str, str] = {}
        while (line := self.rfile.readline().decode().strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        assert verb == "CONNECT", "only servers with TLS are asked for"
        self.server.asked.append(f"http {headers.get('proxy-authorization', '')} {where}")
        host, _, port = where.rpartition(":")
        self._join(host, int(port), b"HTTP/1.1 200 OK\r\n\r\n")

    def _socks(self) -> None:
        methods = self.rfile.read(self.rfile.read(2)[1])
        user = ""
        if b"\x02" in methods:
            self.connection.sendall(b"\x05\x02")
            user = self.rfile.read(self.rfile.read(2)[1]).decode()
            user += ":" + self.rfile.read(self.rfile.read(1)[0]).decode()
            self.connection.sendall(b"\x01\x00")
        else:
            self.connection.sendall(b"\x05\x00")
        kind = self.rfile.read(4)[3]
        host = socket.inet_ntoa(self.rfile.read(4)) if kind == 1 else self.rfile.read(self.rfile.read(1)[0]).decode()
        (port,) = struct.unpack("!H", self.rfile.read(2))
        self.server.asked.append(f"socks5 {user} {host}:{port}")
        self._join(host, port, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")

    def _join(self, host: str, port: int, welcome: bytes) -> None:
        with socket.create_connection((self.server.hosts.get(host, host), port), 10) as there, selectors.DefaultSelector() as both:
            self.connection.sendall(welcome)
            both.register(self.connection, selectors.EVENT_READ, there)
            both.register(there, selectors.EVENT_READ, self.connection)
            while True:
                for key, _ in both.select():
                    read: socket.socket = key.fileobj  # type: ignore[assignment]
                    data = read.recv(1 << 16)
                    if not data:
                        return
                    key.data.sendall(data)


@contextmanager
def running() -> Iterator[Proxy]:
    with Proxy() as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
