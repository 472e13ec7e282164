"""WireGuard's peers, from messages built as linux/wireguard.h numbers them: this kernel has no such device to record."""

from __future__ import annotations

import base64
import socket
import struct
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.agent.netlink import Netlink, attribute
from kubectl_netns.agent.wireguard import parse, tunnel
from kubectl_netns.model import Tunnel, TunnelPeer

HEADER = b"\0\1\0\0"
KEYS = [bytes([number]) * 32 for number in (1, 2)]
SECRET = b"\xee" * 32
NAMES = [base64.b64encode(key).decode() for key in KEYS]


def allowed(address: str, length: int) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    ip = attribute(2, socket.inet_pton(family, address))
    return attribute(0, attribute(1, struct.pack("=H", family)) + ip + attribute(3, bytes([length])))


def peer(key: bytes, endpoint: bytes, *prefixes: bytes) -> bytes:
    return attribute(0, attribute(1, key) + attribute(2, SECRET) + attribute(4, endpoint) + attribute(9, b"".join(prefixes)))


V4 = struct.pack("=H", socket.AF_INET) + struct.pack(">H", 51820) + socket.inet_aton("192.0.2.1") + b"\0" * 8
FD00 = socket.inet_pton(socket.AF_INET6, "fd00::1")
V6 = struct.pack("=H", socket.AF_INET6) + struct.pack(">H", 51821) + b"\0" * 4 + FD00 + b"\0" * 4
PEERS = peer(KEYS[0], V4, allowed("10.0.0.0", 24), allowed("fd00::", 64)) + peer(KEYS[1], V6, allowed("10.1.0.0", 16))
FIRST = HEADER + attribute(3, SECRET) + attribute(6, struct.pack("=H", 51820)) + attribute(8, PEERS)
SECOND = HEADER + attribute(8, peer(KEYS[1], V6, allowed("10.2.0.0", 16)))
EXPECTED = Tunnel(
    None, None, None, 51820, None,
    (TunnelPeer(NAMES[0], "192.0.2.1:51820", ("10.0.0.0/24", "fd00::/64")),
     TunnelPeer(NAMES[1], "[fd00::1]:51821", ("10.1.0.0/16", "10.2.0.0/16"))),
)  # fmt: skip


class Kernel:
    """A generic netlink socket that knows the family by number 29, and one device."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bytes]] = []

    def get(self, kind: int, body: bytes) -> tuple[int, bytes]:
        assert (kind, b"wireguard\0" in body) == (16, True)
        return kind, b"\1\2\0\0" + attribute(2, b"wireguard\0") + attribute(1, struct.pack("=H", 29))

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        self.asked.append((kind, body))
        return [(kind, FIRST), (kind, SECOND)]


def test_a_device_is_asked_by_its_index() -> None:
    kernel = Kernel()
    assert tunnel(cast(Netlink, kernel), 7) == EXPECTED
    assert kernel.asked == [(29, b"\0\1\0\0" + attribute(1, struct.pack("=I", 7)))]


def test_secrets_are_not_read() -> None:
    assert base64.b64encode(SECRET).decode() not in repr(parse([FIRST, SECOND]))


@pytest.mark.parametrize(
    ("messages", "peers"),
    [([], ()), ([HEADER + attribute(8, peer(KEYS[0], b"", b""))], (TunnelPeer(NAMES[0], None, ()),))],
    ids=["nothing", "a peer never heard of"],
)
def test_what_is_absent(messages: list[bytes], peers: tuple[TunnelPeer, ...]) -> None:
    assert parse(messages) == Tunnel(None, None, None, None, None, peers)


@given(st.lists(st.binary(max_size=300), max_size=3))
def test_foreign_bytes_are_an_error_that_is_told(messages: list[bytes]) -> None:
    try:
        parse(messages)
    except ValueError:
        pass
