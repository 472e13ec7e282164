"""rtnetlink on a bare socket: send a request, take the messages of its answer, cut them into attributes.

Traps, all measured (kernel 6.18): a dump's failure arrives in the payload of NLMSG_DONE; NLM_F_DUMP_INTR means that the table
changed under the dump, which is then worthless and must be read again; a datagram longer than the buffer is cut without a word,
unless MSG_TRUNC asks for its length. A socket belongs for ever to the namespace in which it was opened.
Sources: linux/netlink.h, linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

NLMSG_HEADER = struct.Struct("=IHHII")  # 16 bytes: length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # length, type
INTEGER = struct.Struct("=i")

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
NLA_TYPE_MASK = 0x3FFF
SOL_NETLINK, NETLINK_GET_STRICT_CHK = 270, 12

RECEIVE = 1 << 16  # the kernel fills at most 32 KiB at a time, more only where one message needs it
TIMEVAL = struct.Struct("@ll")
TRIES = 10


class Interrupted(Exception):
    """The table changed during the dump (NLM_F_DUMP_INTR)."""


class Netlink:
    """A netlink socket in the namespace of the thread that makes it. Close it: an open one pins the namespace.

    `protocol` is rtnetlink's if not told otherwise.
    """

    def __init__(self, timeout: float = 10.0, protocol: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        # the kernel's own limit costs nothing, where Python's settimeout adds a poll to every receive
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL.pack(int(timeout), 0))
        self._sequence = 0

    def be_strict(self) -> None:
        """Have every part of a dump's request heeded or refused; before Linux 4.20 a filter is passed over in silence."""
        with suppress(OSError):
            self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        """All (type, payload) of a table, read again while it changes under us. Raises OSError with the kernel's errno."""
        for _ in range(TRIES):
            try:
                return self._answer(kind, NLM_F_REQUEST | NLM_F_DUMP, body)
            except Interrupted:
                continue
        raise OSError(errno.EAGAIN, f"the kernel's table kept changing during {TRIES} dumps")

    def get(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """The one (type, payload) that answers a request. Raises OSError with the kernel's errno."""
        for answer in self._answer(kind, NLM_F_REQUEST, body):
            return answer
        raise OSError(errno.ENODATA, "the kernel answered nothing")

    def _answer(self, kind: int, flags: int, body: bytes) -> list[tuple[int, bytes]]:
        self._sequence += 1
        header = NLMSG_HEADER.pack(NLMSG_HEADER.size + len(body), kind, flags, self._sequence, 0)
        self._socket.send(header + body)
        found: list[tuple[int, bytes]] = []
        interrupted = False
        while True:
            data = self._socket.recv(RECEIVE, socket.MSG_TRUNC)
            if len(data) > RECEIVE:
                raise OSError(errno.EMSGSIZE, f"a netlink message of {len(data)} bytes")
            for message, message_flags, sequence, payload in messages(data):
                if sequence != self._sequence:
                    continue  # the rest of an answer that was given up
                interrupted |= bool(message_flags & NLM_F_DUMP_INTR)
                if message in (NLMSG_ERROR, NLMSG_DONE):
                    code = INTEGER.unpack_from(payload)[0] if len(payload) >= INTEGER.size else 0
                    if code:
                        raise OSError(-code, os.strerror(-code))
                    if interrupted:
                        raise Interrupted
                    return found
                found.append((message, payload))
                if not flags & NLM_F_DUMP:
                    return found


def messages(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """Cut one datagram into (type, flags, sequence, payload). Raises ValueError on a length that cannot be."""
    found = []
    offset, end = 0, len(data)
    while offset < end:
        if end - offset < 16:
            raise ValueError("netlink: a header was cut short")
        length, kind, flags, sequence, _ = NLMSG_HEADER.unpack_from(data, offset)
        following = offset + length
        if length < 16 or following > end:
            raise ValueError(f"netlink: a message of {length} bytes in {end - offset}")
        found.append((kind, flags, sequence, data[offset + 16 : following]))
        offset = following + 3 & ~3
    return found


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Attributes from `offset` on, by type without flag bits; of a repeated one the last. Raises ValueError when malformed.

    This is where an agent on a big node spends its time. Links, and addresses, mostly have the same attributes of the same sizes
    one after the other, so a layout that fitted is tried first: it cuts all of them at once, and says itself whether it fits.
    """
    layout = _layouts.get((len(data) - offset, data[offset : offset + 4]))
    if layout is not None:
        cut, headers, kinds = layout
        fields = cut.unpack_from(data, offset)
        if fields[::2] == headers:
            return dict(zip(kinds, fields[1::2]))
    return _attributes(data, offset)


Layout = tuple[struct.Struct, tuple[bytes, ...], tuple[int, ...]]
"""What cuts a run of attributes into headers and values, the headers that it must find, and their types without flag bits."""

_layouts: dict[tuple[int, bytes], Layout] = {}
"""By the run's length and its first header."""

MAX_LAYOUTS = 256


def _attributes(data: bytes, offset: int) -> dict[int, bytes]:
    """One by one; the layout is remembered for the next of this length."""
    found: dict[int, bytes] = {}
    begin, end, form = offset, len(data), "="
    headers: list[bytes] = []
    kinds: list[int] = []
    while offset + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        following = offset + length
        if length < 4 or following > end:
            raise ValueError(f"netlink: an attribute of {length} bytes in {end - offset}")
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : following]
        headers.append(data[offset : offset + 4])
        kinds.append(kind & NLA_TYPE_MASK)
        offset = following + 3 & ~3
        form += f"4s{length - 4}s{min(offset, end) - following}x"
    if headers and len(_layouts) < MAX_LAYOUTS:
        _layouts[end - begin, headers[0]] = struct.Struct(form), tuple(headers), tuple(kinds)
    return found


def attribute_list(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Attributes one by one, for nests in which a type is repeated. Raises ValueError when malformed."""
    end = len(data)
    while offset + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if not 4 <= length <= end - offset:
            raise ValueError(f"netlink: an attribute of {length} bytes in {end - offset}")
        yield kind & NLA_TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute for a request, padded."""
    return ATTRIBUTE.pack(4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
