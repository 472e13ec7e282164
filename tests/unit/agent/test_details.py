"""IFLA_INFO_DATA of every kind: as the headers number it, since most of these devices cannot be made on every kernel."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.agent.details import KINDS, Details, details
from kubectl_netns.agent.netlink import attribute
from kubectl_netns.model import Tunnel


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("B", value))


def u16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=H", value))


def be16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">H", value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def be32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">I", value))


def ip(kind: int, address: str) -> bytes:
    return attribute(kind, socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address))


CASES = [
    ("vlan", u16(1, 42), Details(vlan_id=42)),
    ("macvlan", u32(1, 4), Details(mode="bridge")),
    ("macvtap", u32(1, 8), Details(mode="passthru")),
    ("macvlan", u32(1, 64), Details(mode="64")),
    ("ipvlan", u16(1, 2), Details(mode="l3s")),
    ("ipvlan", b"", Details()),
    ("vxlan", u32(1, 7) + ip(4, "10.9.9.2") + ip(2, "10.9.9.1") + be16(15, 4789) + u8(5, 64),
     Details(tunnel=Tunnel(7, "10.9.9.2", "10.9.9.1", 4789, 64))),
    ("vxlan", u32(1, 7) + ip(17, "fd00::2") + ip(16, "fd00::1") + be16(15, 8472) + u8(5, 0),
     Details(tunnel=Tunnel(7, "fd00::2", "fd00::1", 8472, None))),
    ("geneve", u32(1, 8) + ip(2, "10.0.0.1") + u8(3, 0) + be16(5, 6081), Details(tunnel=Tunnel(8, None, "10.0.0.1", 6081, None))),
    ("gre", be32(4, 0) + be32(5, 5) + ip(6, "10.0.0.2") + ip(7, "10.0.0.1") + u8(8, 255),
     Details(tunnel=Tunnel(5, "10.0.0.2", "10.0.0.1", None, 255))),
    ("gretap", be32(5, 0) + ip(6, "0.0.0.0") + ip(7, "10.0.0.1"), Details(tunnel=Tunnel(None, None, "10.0.0.1", None, None))),
    ("ip6gre", ip(6, "::") + ip(7, "fd00::1"), Details(tunnel=Tunnel(None, None, "fd00::1", None, None))),
    ("ipip", ip(2, "10.0.0.2") + ip(3, "10.0.0.1") + u8(4, 3), Details(tunnel=Tunnel(None, "10.0.0.2", "10.0.0.1", None, 3))),
    ("vxlan", attribute(1, b"\1") + attribute(2, b"123"), Details(tunnel=Tunnel(None, None, None, None, None))),
    ("veth", b"\0\0garbage", Details()),
    ("wireguard", b"", Details()),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "expected"), CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)])
def test_details(kind: str, data: bytes, expected: Details) -> None:
    assert details(kind, data) == expected


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=200))
def test_foreign_bytes_are_an_error_that_is_told(kind: str, data: bytes) -> None:
    try:
        assert isinstance(details(kind, data), Details)
    except ValueError:
        pass
