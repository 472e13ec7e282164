"""Routes, rules, neighbours and sockets from bytes: a few built by the headers, and whatever else may come.

tests/node compares what the kernel really sends with iproute2 and ss.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.agent import diag, neighbours, routes
from kubectl_netns.agent.contents import NOTHING, read
from kubectl_netns.agent.netlink import attribute
from kubectl_netns.tables import NextHop, Socket, SocketOwner

NAMES = {2: "eth0", 3: "eth1"}


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def v4(kind: int, address: str) -> bytes:
    return attribute(kind, socket.inet_aton(address))


def route(*parts: bytes, dst: int = 24, table: int = 254, kind: int = 1, flags: int = 0, family: int = 2) -> bytes:
    return routes.RTMSG.pack(family, dst, 0, 0, table, 3, 0, kind, flags) + b"".join(parts)


HOPS = (struct.pack("=HBBi", 16, 0, 1, 2) + v4(5, "10.0.0.1")) + struct.pack("=HBBi", 8, 0, 0, 3)


@pytest.mark.parametrize(("payload", "expected"), [
    (route(v4(1, "10.1.0.0"), v4(5, "10.0.0.1"), u32(4, 2)), {"destination": "10.1.0.0/24", "gateway": "10.0.0.1", "device": "eth0"}),
    (route(dst=0), {"destination": "default", "gateway": None, "device": None, "table": "main", "kind": "unicast"}),
    (route(v4(1, "10.1.0.9"), u32(4, 9), dst=32), {"destination": "10.1.0.9", "device": "if9"}),
    (route(u32(15, 4000000000), table=252, dst=0), {"table": "4000000000"}),
    (route(attribute(9, HOPS), dst=0), {"next_hops": (NextHop("10.0.0.1", "eth0", 2), NextHop(None, "eth1", 1))}),
    (route(attribute(8, u32(2, 1400)), dst=0, kind=6), {"mtu": 1400, "kind": "blackhole"}),
    (route(attribute(18, struct.pack("=H", 10) + b"\xfe\x80" + b"\0" * 14), dst=0), {"gateway": "fe80::"}),
    (route(attribute(12, struct.pack("=IIi", 0, 0, 500)), dst=0), {"expires": 5}),
    (route(dst=0, kind=99, flags=0x10 | 0x4), {"kind": "99", "flags": ("onlink", "linkdown")}),
])  # fmt: skip
def test_routes(payload: bytes, expected: dict[str, Any]) -> None:
    found = routes.parse_route(payload, NAMES)
    assert found and {key: getattr(found, key) for key in expected} == expected


def test_cached_routes_and_other_families_are_left_out() -> None:
    assert routes.parse_route(route(flags=0x200), NAMES) is None
    assert routes.parse_route(route(family=28), NAMES) is None
    assert routes.parse_rule(routes.RULE.pack(28, *[0] * 8)) is None
    assert neighbours.parse_neighbour(neighbours.NDMSG.pack(7, 2, 2, 0, 0), NAMES) is None


def inet(family: int = 2, state: int = 10, device: int = 0, inode: int = 77, *more: bytes) -> bytes:
    head = struct.pack("=BBBB2s2s16s16sI8x", family, state, 0, 0, b"\0\x50", b"\0\0", socket.inet_aton("10.0.0.2") + b"\0" * 12, b"\0" * 16, device)
    return head + struct.pack("=IIIII", 0, 1, 128, 1234, inode) + b"".join(more)


def test_a_listening_socket() -> None:
    assert diag.parse_inet(inet(), "tcp", NAMES) == Socket(
        "tcp", "stream", "inet", "LISTEN", "10.0.0.2", 80, "0.0.0.0", 0, None, 77, 1234, 1, 128, ()
    )
    assert diag.parse_inet(inet(device=2), "udp", NAMES).device == "eth0"


@pytest.mark.parametrize(("line", "address", "port"), [
    ("   1: 0100007F:0001 00000000:0000 07 00000002:00000001 00:00000000 00000000  1000        0 4711 2 0000000000000000 0", "127.0.0.1", 1),
    ("  58: 00000000000000000000000001000000:003A 00000000000000000000000000000000:0000 07 00000002:00000001 00:00000000 00000000  1000 0 4711 2 0 0",
     "::1", 58),
])  # fmt: skip
def test_a_raw_socket_of_proc(line: str, address: str, port: int) -> None:
    """As Linux writes /proc/net/raw and raw6 on a little-endian machine."""
    found = diag.parse_raw(line, "inet6" if ":" in address else "inet")
    assert (found.local_address, found.local_port, found.state, found.inode, found.uid) == (address, port, "UNCONN", 4711, 1000)
    assert (found.send_queue, found.receive_queue) == (2, 1)


def test_owners_are_joined_by_inode() -> None:
    one, other = diag.parse_inet(inet(), "tcp", NAMES), diag.parse_inet(inet(inode=78), "tcp", NAMES)
    web = SocketOwner(9, "nginx", (6,))
    assert [socket_.processes for socket_ in diag.with_owners((one, other), {77: [web]})] == [(web,), ()]


PARSERS: dict[str, Callable[[bytes], object]] = {
    "route": lambda data: routes.parse_route(data, NAMES),
    "rule": routes.parse_rule,
    "neighbour": lambda data: neighbours.parse_neighbour(data, NAMES),
    "inet socket": lambda data: diag.parse_inet(data, "tcp", NAMES),
    "packet socket": lambda data: diag.parse_packet(data, NAMES),
}
SIZES = {"route": 12, "rule": 12, "neighbour": 12, "inet socket": 72, "packet socket": 16}


@pytest.mark.parametrize("what", PARSERS)
@given(data=st.data())
def test_foreign_bytes_are_an_error_that_is_told(what: str, data: st.DataObject) -> None:
    head = data.draw(st.sampled_from([b"", b"\2", b"\x0a"])) + data.draw(st.binary(max_size=SIZES[what]))
    payload = head + data.draw(st.binary(max_size=80))
    try:
        PARSERS[what](payload)
    except ValueError:
        pass


@given(st.text(max_size=120))
def test_foreign_lines_are_an_error_that_is_told(line: str) -> None:
    try:
        diag.parse_raw(line, "inet")
    except ValueError:
        pass


def test_nothing_is_asked_when_nothing_is_wanted() -> None:
    assert read(None, [], ("statistics",)) is NOTHING  # type: ignore[arg-type]
