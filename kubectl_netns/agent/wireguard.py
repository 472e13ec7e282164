"""The ends of a WireGuard device, which rtnetlink does not tell: its port, its peers, and what each may send.

Asked through generic netlink (WG_CMD_GET_DEVICE of the family `wireguard`, Linux 5.6; linux/wireguard.h, linux/genetlink.h).
The kernel's answer holds the private and the preshared keys as well: they are never read out of it.
"""

from __future__ import annotations

import base64
import socket
import struct
from collections.abc import Iterator

from ..model import Tunnel, TunnelPeer
from .netlink import Netlink, attribute, attribute_list, attributes

NETLINK_GENERIC, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 16, 3, 1, 2
WG_CMD_GET_DEVICE, WGDEVICE_A_IFINDEX, WGDEVICE_A_LISTEN_PORT, WGDEVICE_A_PEERS = 0, 1, 6, 8
WGPEER_A_PUBLIC_KEY, WGPEER_A_ENDPOINT, WGPEER_A_ALLOWEDIPS = 1, 4, 9
WGALLOWEDIP_A_IPADDR, WGALLOWEDIP_A_CIDR_MASK = 2, 3
GENLMSGHDR = struct.Struct("=BBxx")  # command, version
PORT = struct.Struct("=H")
SOCKADDR_IN, SOCKADDR_IN6 = struct.Struct("=H2s4s"), struct.Struct("=H2s4x16s")
KEY_LENGTH = 32


def tunnel(netlink: Netlink, index: int) -> Tunnel:
    """The device with this ifindex in the socket's namespace. Raises OSError, or ValueError when the answer is malformed."""
    name = attribute(CTRL_ATTR_FAMILY_NAME, b"wireguard\0")
    _, answer = netlink.get(GENL_ID_CTRL, GENLMSGHDR.pack(CTRL_CMD_GETFAMILY, 1) + name)
    family = PORT.unpack(_sized(attributes(answer, GENLMSGHDR.size).get(CTRL_ATTR_FAMILY_ID), PORT.size))[0]
    request = GENLMSGHDR.pack(WG_CMD_GET_DEVICE, 1) + attribute(WGDEVICE_A_IFINDEX, struct.pack("=I", index))
    return parse([payload for _, payload in netlink.dump(family, request)])


def parse(messages: list[bytes]) -> Tunnel:
    """A device's messages; a peer with many allowed addresses goes on in the next one, under the same key."""
    port = None
    peers: dict[str, tuple[str | None, list[str]]] = {}
    for message in messages:
        found = attributes(message, GENLMSGHDR.size)
        if WGDEVICE_A_LISTEN_PORT in found:
            port = int(PORT.unpack(_sized(found[WGDEVICE_A_LISTEN_PORT], PORT.size))[0])
        for _, nest in attribute_list(found.get(WGDEVICE_A_PEERS, b"")):
            peer = attributes(nest)
            key = base64.b64encode(_sized(peer.get(WGPEER_A_PUBLIC_KEY), KEY_LENGTH)).decode()
            _, allowed = peers.setdefault(key, (_endpoint(peer.get(WGPEER_A_ENDPOINT, b"")), []))
            allowed += _prefixes(peer.get(WGPEER_A_ALLOWEDIPS, b""))
    ends = tuple(TunnelPeer(key, endpoint, tuple(allowed)) for key, (endpoint, allowed) in peers.items())
    return Tunnel(None, None, None, port, None, ends)


def _endpoint(address: bytes) -> str | None:
    """A struct sockaddr_in or sockaddr_in6 as ADDRESS:PORT; None where the peer has not been heard of."""
    if len(address) >= SOCKADDR_IN6.size and address[:2] == struct.pack("=H", socket.AF_INET6):
        _, port, host = SOCKADDR_IN6.unpack_from(address)
        return f"[{socket.inet_ntop(socket.AF_INET6, host)}]:{int.from_bytes(port, 'big')}"
    if len(address) >= SOCKADDR_IN.size and address[:2] == struct.pack("=H", socket.AF_INET):
        _, port, host = SOCKADDR_IN.unpack_from(address)
        return f"{socket.inet_ntop(socket.AF_INET, host)}:{int.from_bytes(port, 'big')}"
    return None


def _prefixes(nests: bytes) -> Iterator[str]:
    for _, nest in attribute_list(nests):
        found = attributes(nest)
        address, length = found.get(WGALLOWEDIP_A_IPADDR, b""), found.get(WGALLOWEDIP_A_CIDR_MASK, b"\0")
        if len(address) in (4, 16) and length:
            yield f"{socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)}/{length[0]}"


def _sized(value: bytes | None, size: int) -> bytes:
    if value is None or len(value) != size:
        raise ValueError(f"netlink: a WireGuard attribute is not {size} bytes long")
    return value
