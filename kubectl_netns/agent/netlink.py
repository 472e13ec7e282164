"""rtnetlink on a bare socket: send a request, take the messages of its answer, cut them into attributes.

Traps, all measured (kernel 6.18): a dump's failure arrives in the payload of NLMSG_DONE; NLM_F_DUMP_INTR means that the table
changed under the dump, which is then worthless and must be read again; a datagram longer than the buffer is cut without a word,
unless MSG_TRUNC asks for its length. A socket belongs for ever to the namespace in which it was opened.
Sources: linux/netlink.h, linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import operator
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

NLMSG_HEADER = struct.Struct("=IHHII")  # 16 bytes: length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # length, type
INTEGER = struct.Struct("=i")
HEADER = struct.Struct("=I")  # an attribute's, as one number

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
NLA_TYPE_MASK = 0x3FFF
SOL_NETLINK, NETLINK_GET_STRICT_CHK = 270, 12

RECEIVE = 1 << 16  # the kernel fills at most 32 KiB at a time, more only where one message needs it
# nothing is waited for: the kernel answers while it takes the request, and goes on with a dump while it hands out a part of it
NOW = socket.MSG_TRUNC | socket.MSG_DONTWAIT
TRIES, PAUSE = 10, 0.0005  # in all half a second, for whatever it is to come to an end


class Interrupted(Exception):
    """The table changed during the dump (NLM_F_DUMP_INTR)."""


class Netlink:
    """A netlink socket in the namespace of the thread that makes it. Close it: an open one pins the namespace.

    `protocol` is rtnetlink's if not told otherwise.
    """

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        # SocketType: the plain one, without what Python's own puts around it, as there is one for each namespace
        self._socket = socket.SocketType(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
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
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE * 2**number)
            with suppress(Interrupted):
                return self._answer(kind, NLM_F_REQUEST | NLM_F_DUMP, body)
        raise OSError(errno.EAGAIN, f"the kernel's table kept changing during {TRIES} dumps")

    def get(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """The one (type, payload) that answers a request. Raises OSError with the kernel's errno."""
        for answer in self._answer(kind, NLM_F_REQUEST, body):
            return answer
        raise OSError(errno.ENODATA, "the kernel answered nothing")

    def _answer(self, kind: int, flags: int, body: bytes) -> list[tuple[int, bytes]]:
        self._sequence += 1
        header = NLMSG_HEADER.pack(16 + len(body), kind, flags, self._sequence, 0)
        self._socket.send(header + body)
        found: list[tuple[int, bytes]] = []
        seen = 0
        while True:
            data = self._socket.recv(RECEIVE, NOW)
            if len(data) > RECEIVE:
                raise OSError(errno.EMSGSIZE, f"a netlink message of {len(data)} bytes")
            code, more = split(data, self._sequence, found)
            seen |= more
            if code:
                raise OSError(-code, os.strerror(-code))
            if code == 0 and seen & NLM_F_DUMP_INTR:
                raise Interrupted
            if code == 0 or (found and not flags & NLM_F_DUMP):
                return found


def split(data: bytes, sequence: int, found: list[tuple[int, bytes]]) -> tuple[int | None, int]:
    """Cut one datagram: what answers the request of this number is added to `found` as (type, payload).

    Gives the code with which the answer ends (0, or a negative errno; None: more is to come) and the flags of its messages.
    Raises ValueError on a length that cannot be.
    """
    offset, end, seen = 0, len(data), 0
    while offset < end:
        if end - offset < 16:
            raise ValueError("netlink: a header was cut short")
        length, kind, flags, number, _ = NLMSG_HEADER.unpack_from(data, offset)
        following = offset + length
        if length < 16 or following > end:
            raise ValueError(f"netlink: a message of {length} bytes in {end - offset}")
        if number == sequence:  # else the rest of an answer that was given up
            seen |= flags
            if kind in (NLMSG_ERROR, NLMSG_DONE):
                return (INTEGER.unpack_from(data, offset + 16)[0] if length >= 20 else 0), seen
            found.append((kind, data[offset + 16 : following]))
        offset = following + 3 & ~3
    return None, seen


def spans(data: bytes, offset: int = 0) -> Iterator[tuple[int, int, int]]:
    """Where the attributes from `offset` on are: type without flag bits, begin and end of the value. Raises ValueError."""
    size = len(data)
    while offset + 4 <= size:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        end = offset + length
        if length < 4 or end > size:
            raise ValueError(f"netlink: an attribute of {length} bytes in {size - offset}")
        yield kind & NLA_TYPE_MASK, offset + 4, end
        offset = end + 3 & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """The values from `offset` on by their types; of a repeated one the last. Raises ValueError when malformed."""
    return {kind: data[begin:end] for kind, begin, end in spans(data, offset)}


def attribute_list(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """One by one, for nests in which a type is repeated. Raises ValueError when malformed."""
    return ((kind, data[begin:end]) for kind, begin, end in spans(data, offset))


class Picker:
    """Picks some attributes' values, always in the same order; None for one that is absent, or not of its size.

    `forms` says of each type, two or more, what it is: s for bytes of any length, else struct's letter for a number. Of a
    repeated type the last of its size counts.

    This is where an agent on a big node spends its time. Links, and addresses, mostly have the same attributes of the same sizes
    one after the other, so a layout that fitted is tried first: one step tells whether it fits, and one cuts out what is wanted.
    """

    def __init__(self, forms: dict[int, str]) -> None:
        self._forms = forms
        self._layouts: dict[tuple[int, bytes], Layout] = {}

    def __call__(self, data: bytes, offset: int) -> tuple[Any, ...]:
        """From the attributes from `offset` on. Raises ValueError when malformed."""
        key = len(data) - offset, data[offset : offset + 4]
        layout = self._layouts.get(key)
        if layout is None or layout[0].unpack_from(data, offset) != layout[1]:
            layout = self._layout(data, offset)
            if len(self._layouts) < MAX_LAYOUTS:
                self._layouts[key] = layout
        _, _, values, pick = layout
        return pick((*values.unpack_from(data, offset), None))

    def _layout(self, data: bytes, offset: int) -> Layout:
        headers = values = "="
        expected: list[int] = []
        places: dict[int, int] = {}
        count = 0
        for kind, begin, end in spans(data, offset):
            length = end - begin
            padding = min(-length % 4, len(data) - end)
            headers += f"I{length + padding}x"
            expected += HEADER.unpack_from(data, begin - 4)
            form = self._forms.get(kind)
            if form == "s":
                form = f"{length}s"
            if form and struct.calcsize(f"={form}") == length:
                places[kind], count = count, count + 1
                values += f"4x{form}{padding}x"
            else:
                values += f"{4 + length + padding}x"
        last = -1  # None, which is put behind the values
        pick = operator.itemgetter(*(places.get(kind, last) for kind in self._forms))
        return struct.Struct(headers), tuple(expected), struct.Struct(values), pick


Layout = tuple[struct.Struct, tuple[int, ...], struct.Struct, Callable[[tuple[Any, ...]], tuple[Any, ...]]]
"""What cuts out the headers, what these must be, what cuts out the values that are wanted, and what puts them in order."""

MAX_LAYOUTS = 256


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute for a request, padded."""
    return ATTRIBUTE.pack(4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
