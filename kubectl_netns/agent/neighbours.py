"""The ARP and neighbour tables of the namespace that a Netlink socket is in, proxy entries included.

Source: linux/neighbour.h; the words are iproute2's.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ..tables import Neighbour
from .links import AF_UNSPEC, FAMILIES, ip, number
from .netlink import Netlink, attributes

RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
NDMSG = struct.Struct("=BxxxiHBB")  # family, ifindex, state, flags, type
NDA_DST, NDA_LLADDR, NDA_FLAGS_EXT = 1, 2, 15
NTF_PROXY = 0x8
STATES = ((0x1, "INCOMPLETE"), (0x2, "REACHABLE"), (0x4, "STALE"), (0x8, "DELAY"), (0x10, "PROBE"), (0x20, "FAILED"),
          (0x40, "NOARP"), (0x80, "PERMANENT"))  # fmt: skip
FLAGS = ((0x80, "router"), (NTF_PROXY, "proxy"), (0x10, "extern_learn"), (0x20, "offload"))
EXTENDED = ((0x1, "managed"), (0x2, "locked"))


def read_neighbours(netlink: Netlink, names: Mapping[int, str]) -> tuple[Neighbour, ...]:
    """In the kernel's order, proxy entries last."""
    return tuple(
        neighbour
        for flags in (0, NTF_PROXY)
        for kind, payload in netlink.dump(RTM_GETNEIGH, NDMSG.pack(AF_UNSPEC, 0, 0, flags, 0))
        if kind == RTM_NEWNEIGH and (neighbour := parse_neighbour(payload, names))
    )


def parse_neighbour(payload: bytes, names: Mapping[int, str]) -> Neighbour | None:
    """None for other families than IP (a bridge's forwarding table). Raises ValueError when malformed."""
    if len(payload) < NDMSG.size:
        raise ValueError("netlink: a neighbour message was cut short")
    family, index, state, flags, _ = NDMSG.unpack_from(payload)
    found = attributes(payload, NDMSG.size)
    if family not in FAMILIES or NDA_DST not in found:
        return None
    extended = number(found.get(NDA_FLAGS_EXT)) or 0
    return Neighbour(
        family=FAMILIES[family],
        address=ip(found[NDA_DST]),
        device=names.get(index, f"if{index}") if index else None,
        mac=found[NDA_LLADDR].hex(":") if NDA_LLADDR in found else None,
        states=tuple(word for bit, word in STATES if state & bit),
        flags=(*(word for bit, word in FLAGS if flags & bit), *(word for bit, word in EXTENDED if extended & bit)),
    )
