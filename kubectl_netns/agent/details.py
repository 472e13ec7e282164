"""What a virtual device is set up to do (IFLA_INFO_DATA): a vlan's number, a macvlan's mode, a tunnel's ends.

Each kind numbers its attributes for itself. Sources: linux/if_link.h (vlan, macvlan, ipvlan, vxlan, geneve), linux/if_tunnel.h
(gre, ipip, sit and their IPv6 forms). WireGuard tells nothing here; it has a family of its own (`wireguard.py`).
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from ..model import Tunnel
from .netlink import attributes

NUMBER, SHORT, PORT, KEY = struct.Struct("=I"), struct.Struct("=H"), struct.Struct(">H"), struct.Struct(">I")
MACVLAN_MODES = {1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}
IPVLAN_MODES = {0: "l2", 1: "l3", 2: "l3s"}


class Details(NamedTuple):
    vlan_id: int | None = None
    mode: str | None = None
    tunnel: Tunnel | None = None


class Shape(NamedTuple):
    """Where a kind of tunnel keeps its parameters; 0: it has none. `local` and `remote` list IPv4's attribute, then IPv6's."""

    identifier: int
    local: tuple[int, ...]
    remote: tuple[int, ...]
    port: int
    ttl: int


GRE = Shape(identifier=5, local=(6,), remote=(7,), port=0, ttl=8)  # the key that it sends (OKEY)
IP_TUNNEL = Shape(identifier=0, local=(2,), remote=(3,), port=0, ttl=4)
TUNNELS = {
    "vxlan": Shape(identifier=1, local=(4, 17), remote=(2, 16), port=15, ttl=5),
    "geneve": Shape(identifier=1, local=(), remote=(2, 7), port=5, ttl=3),
    **dict.fromkeys(("gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan"), GRE),
    **dict.fromkeys(("ipip", "sit", "ip6tnl"), IP_TUNNEL),
}
NONE = Details()


def details(kind: str, data: bytes) -> Details:
    """Of one device. Raises ValueError when the attributes are malformed; one of an unexpected size counts as absent."""
    if kind not in KINDS:
        return NONE
    found = attributes(data)
    if kind == "vlan":
        return Details(vlan_id=_number(found.get(1), SHORT))
    if kind in ("macvlan", "macvtap"):
        return Details(mode=_mode(MACVLAN_MODES, _number(found.get(1), NUMBER)))
    if kind in ("ipvlan", "ipvtap"):
        return Details(mode=_mode(IPVLAN_MODES, _number(found.get(1), SHORT)))
    shape = TUNNELS[kind]
    identifier = _number(found.get(shape.identifier), KEY if shape is GRE else NUMBER)
    return Details(
        tunnel=Tunnel(
            identifier=None if shape is GRE and not identifier else identifier,
            local=_end(found, shape.local),
            remote=_end(found, shape.remote),
            port=_number(found.get(shape.port), PORT),
            ttl=(found.get(shape.ttl) or b"\0")[0] or None,
        )
    )


KINDS = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", *TUNNELS}


def _number(value: bytes | None, form: struct.Struct) -> int | None:
    return int(form.unpack(value)[0]) if value is not None and len(value) == form.size else None


def _mode(modes: dict[int, str], number: int | None) -> str | None:
    return None if number is None else modes.get(number, str(number))


def _end(found: dict[int, bytes], kinds: tuple[int, ...]) -> str | None:
    """A tunnel's outer address; None for any (0.0.0.0, ::)."""
    for kind in kinds:
        value = found.get(kind, b"")
        if len(value) in (4, 16) and any(value):
            return socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)
    return None
