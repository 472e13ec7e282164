"""Links and addresses of the namespace that a Netlink socket is in, as facts; peers are joined later (`peers.py`).

Sources: linux/if_link.h, linux/if_addr.h, linux/if.h; the words are those that iproute2 prints.
"""

from __future__ import annotations

import operator
import socket
import struct
from collections import defaultdict
from functools import lru_cache
from typing import Any, NamedTuple

from ..model import Address, ExtendedStatistics, Interface, Statistics
from .details import Details, details
from .netlink import Netlink, Picker, attribute, attribute_list, attributes

RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_GETADDR = 16, 18, 20, 22
RTM_GETNSID = 90

IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, change
IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
RTGENMSG = struct.Struct("=Bxxx")
NSID_OF = struct.Struct("=BxxxHHI")  # it, and NETNSA_FD
NUMBER = struct.Struct("=I")
SIGNED = struct.Struct("=i")
COUNTERS = struct.Struct("=8Q")  # the head of struct rtnl_link_stats64
EXTENDED = ExtendedStatistics._fields[:-1]  # what follows it, in the struct's order
CACHEINFO = struct.Struct("=4I")  # preferred, valid, created, updated

IFLA_ADDRESS, IFLA_BROADCAST, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_QDISC = 1, 2, 3, 4, 5, 6
IFLA_MASTER, IFLA_TXQLEN, IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_STATS64 = 10, 13, 16, 18, 20, 23
IFLA_GROUP, IFLA_CARRIER_CHANGES, IFLA_LINK_NETNSID = 27, 35, 37
IFLA_PROP_LIST, IFLA_ALT_IFNAME = 52, 53
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS, IFA_PROTO = 1, 2, 3, 4, 6, 8, 11
NETNSA_NSID, NETNSA_FD, NETNSA_CURRENT_NSID = 1, 3, 5

ARPHRD = {1: "ether", 32: "infiniband", 512: "ppp", 768: "ipip", 769: "tunnel6", 772: "loopback", 776: "sit", 778: "gre",
          823: "gre6", 65534: "none"}  # fmt: skip
LINK_FLAGS = ((0x8, "LOOPBACK"), (0x2, "BROADCAST"), (0x10, "POINTOPOINT"), (0x1000, "MULTICAST"), (0x80, "NOARP"),
              (0x200, "ALLMULTI"), (0x100, "PROMISC"), (0x400, "MASTER"), (0x800, "SLAVE"), (0x4, "DEBUG"),
              (0x4000, "DYNAMIC"), (0x8000, "AUTOMEDIA"), (0x2000, "PORTSEL"), (0x20, "NOTRAILERS"), (0x1, "UP"),
              (0x10000, "LOWER_UP"), (0x20000, "DORMANT"), (0x40000, "ECHO"))  # fmt: skip
IFF_UP, IFF_LOOPBACK, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x8, 0x40, 0x10000
OPERSTATES = dict(enumerate(("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")))
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
ADDRESS_FLAGS = ((0x80, "permanent"), (0x01, "temporary"), (0x02, "nodad"), (0x04, "optimistic"), (0x08, "dadfailed"),
                 (0x10, "home"), (0x20, "deprecated"), (0x40, "tentative"), (0x100, "mngtmpaddr"),
                 (0x200, "noprefixroute"), (0x400, "autojoin"), (0x800, "stable-privacy"))  # fmt: skip
FAMILIES = {2: "inet", 10: "inet6"}
PROTOCOLS = {1: "kernel_lo", 2: "kernel_ra", 3: "kernel_ll"}
FOREVER = 0xFFFFFFFF
PAIRED = ("veth", "netkit")
AF_UNSPEC = 0
INDEX = operator.itemgetter(0)
ALL_ADDRESSES = IFADDRMSG.pack(AF_UNSPEC, 0, 0, 0, 0)
# without IPv6's own statistics (RTEXT_FILTER_SKIP_STATS), which the kernel would add up over all processors
IFLA_EXT_MASK, SKIP_STATS = 29, 8
ALL_LINKS = IFINFOMSG.pack(AF_UNSPEC, 0, 0, 0, 0) + attribute(IFLA_EXT_MASK, NUMBER.pack(SKIP_STATS))


def read_interfaces(netlink: Netlink, extended: bool = False) -> tuple[Interface, ...]:
    """Every interface by ifindex, its addresses in the kernel's order. `peer` is None still; names of masters are resolved.

    `extended`: with all of the statistics, not only the first eight.
    """
    addresses: dict[int, list[Address]] = defaultdict(list)
    for kind, payload in netlink.dump(RTM_GETADDR, ALL_ADDRESSES):
        if kind == RTM_NEWADDR:
            index, address = parse_address(payload)
            if address:
                addresses[index].append(address)
    links = [cut_link(payload) for kind, payload in netlink.dump(RTM_GETLINK, ALL_LINKS) if kind == RTM_NEWLINK]
    links.sort(key=INDEX)
    names = {link.index: link.name for link in links}
    return tuple([interface(link, tuple(addresses[link.index]), names, extended) for link in links])


class Link(NamedTuple):
    """One RTM_NEWLINK cut into what LINK picks; `name` and `index` apart, because other links are named by them."""

    index: int  # type: ignore[assignment]
    name: str
    arp_type: int
    flags: int
    values: tuple[Any, ...]


LINK = Picker({
    IFLA_IFNAME: "s", IFLA_ADDRESS: "s", IFLA_BROADCAST: "s", IFLA_MTU: "I", IFLA_LINK: "I", IFLA_QDISC: "s", IFLA_MASTER: "I",
    IFLA_TXQLEN: "I", IFLA_OPERSTATE: "B", IFLA_LINKINFO: "s", IFLA_IFALIAS: "s", IFLA_STATS64: "s", IFLA_GROUP: "I",
    IFLA_CARRIER_CHANGES: "I", IFLA_LINK_NETNSID: "i", IFLA_PROP_LIST: "s",
})  # fmt: skip


def cut_link(payload: bytes) -> Link:
    """Raises ValueError when malformed."""
    if len(payload) < IFINFOMSG.size:
        raise ValueError("netlink: a link message was cut short")
    _, arp_type, index, flags, _ = IFINFOMSG.unpack_from(payload)
    values = LINK(payload, IFINFOMSG.size)
    return Link(index, text(values[0]) or f"if{index}", arp_type, flags, values)


def interface(link: Link, addresses: tuple[Address, ...], names: dict[int, str], extended: bool = False) -> Interface:
    """The facts of a link; `names` are those of the namespace's links by index. Raises ValueError when malformed."""
    index, name, arp_type, flags, values = link
    (_, mac, broadcast, mtu, link_index, qdisc, master, queue_length, state, info, alias, counters, group, carrier_changes,
     link_nsid, properties) = values  # fmt: skip
    kind, more = _info(info)
    kind = kind or ("loopback" if flags & IFF_LOOPBACK else "physical")
    operstate = OPERSTATES.get(state, "unknown")
    # link/none devices carry no address; iproute2 prints none either
    link_type = ARPHRD.get(arp_type) or f"[{arp_type}]"
    parent = None
    if link_index and link_index != index and kind not in PAIRED:
        # in another namespace only its index is known
        parent = names.get(link_index) if link_nsid is None else None
        parent = parent or f"if{link_index}"
    running = "up" if flags & IFF_UP and flags & IFF_LOWER_UP else "down"
    return Interface(
        index,
        name,
        kind,
        running if operstate == "unknown" else operstate,
        link_flags(flags),
        mtu or 0,
        None if link_type == "loopback" else link_address(mac, link_type),
        _altnames(properties) if properties else (),
        text(alias),
        addresses,
        None if master is None else names.get(master, str(master)),
        parent,
        None,
        _statistics(counters),
        operstate=operstate,
        link_type=link_type,
        broadcast=link_address(broadcast, link_type),
        qdisc=text(qdisc),
        group=group or 0,
        queue_length=queue_length,
        link_index=link_index,
        link_nsid=link_nsid,
        vlan_id=more.vlan_id,
        mode=more.mode,
        tunnel=more.tunnel,
        extended_statistics=_extended(counters, carrier_changes) if extended else None,
    )


@lru_cache(maxsize=256)
def _info(info: bytes | None) -> tuple[str | None, Details]:
    """What IFLA_LINKINFO says of a link: its kind, and what only that kind has. The same of most links."""
    found = attributes(info or b"")
    kind = text(found.get(IFLA_INFO_KIND))
    return kind, details(kind or "", found.get(IFLA_INFO_DATA, b""))


def _altnames(properties: bytes) -> tuple[str, ...]:
    names = (text(value) for kind, value in attribute_list(properties) if kind == IFLA_ALT_IFNAME)
    return tuple(filter(None, names))


ADDRESS = Picker({
    IFA_LOCAL: "s", IFA_ADDRESS: "s", IFA_BROADCAST: "s", IFA_LABEL: "s", IFA_CACHEINFO: "s", IFA_FLAGS: "I", IFA_PROTO: "B",
})  # fmt: skip


def parse_address(payload: bytes) -> tuple[int, Address | None]:
    """One RTM_NEWADDR → (ifindex, address), None for a family that is not IP. Raises ValueError when malformed."""
    if len(payload) < IFADDRMSG.size:
        raise ValueError("netlink: an address message was cut short")
    family, prefix_length, short_flags, scope, index = IFADDRMSG.unpack_from(payload)
    if family not in FAMILIES:
        return index, None
    local, far, broadcast, label, lifetimes, flags, protocol = ADDRESS(payload, IFADDRMSG.size)
    # IFA_LOCAL is the address and IFA_ADDRESS the far end, where the two differ (IPv6 has only IFA_ADDRESS)
    local = far if local is None else local
    if local is None:
        return index, None
    if lifetimes and len(lifetimes) >= CACHEINFO.size:
        preferred, valid, _, _ = CACHEINFO.unpack_from(lifetimes)
    else:
        preferred = valid = FOREVER
    return index, Address(
        FAMILIES[family],
        ip(local),
        prefix_length,
        SCOPES.get(scope) or str(scope),
        None if far is None or far == local else ip(far),
        None if broadcast is None else ip(broadcast),
        text(label),
        _address_flags(family, short_flags if flags is None else flags),
        None if valid == FOREVER else valid,
        None if preferred == FOREVER else preferred,
        PROTOCOLS.get(protocol, str(protocol)) if protocol else None,
    )


NUMBERS = Picker({NETNSA_NSID: "i", NETNSA_CURRENT_NSID: "i"})  # the second one only where it is asked for


def nsid_of(netlink: Netlink, descriptor: int) -> int | None:
    """The number by which the socket's namespace knows the one behind `descriptor`; None when it has given none."""
    return _nsid(netlink.get(RTM_GETNSID, NSID_OF.pack(AF_UNSPEC, NSID_OF.size - RTGENMSG.size, NETNSA_FD, descriptor))[1])


def nsids(netlink: Netlink) -> set[int]:
    """Every number that the socket's namespace has given to another."""
    answers = netlink.dump(RTM_GETNSID, RTGENMSG.pack(AF_UNSPEC))
    return {nsid for _, payload in answers if (nsid := _nsid(payload)) is not None}


def _nsid(payload: bytes) -> int | None:
    if len(payload) < RTGENMSG.size:
        raise ValueError("netlink: a namespace's number was cut short")
    nsid, _ = NUMBERS(payload, RTGENMSG.size)
    return None if nsid is None or nsid < 0 else int(nsid)


@lru_cache(maxsize=256)
def link_flags(flags: int) -> tuple[str, ...]:
    """iproute2's words in iproute2's order; NO-CARRIER when it is up but not running."""
    words = [word for bit, word in LINK_FLAGS if flags & bit]
    return tuple(["NO-CARRIER", *words] if flags & IFF_UP and not flags & IFF_RUNNING else words)


def link_address(value: bytes | None, link_type: str) -> str | None:
    """A MAC as aa:bb:…, an IPv4 or IPv6 tunnel's end as an address, None where there is none."""
    if not value:
        return None
    if link_type in ("ipip", "sit", "gre", "tunnel6", "gre6") and len(value) in (4, 16):
        return ip(value)
    return value.hex(":")


@lru_cache(maxsize=4096)
def text(value: bytes | None) -> str | None:
    """A C string from the kernel. Bytes that are not UTF-8 survive as surrogates (\\udcNN), as in file names."""
    return None if value is None else value.rstrip(b"\0").decode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def _address_flags(family: int, flags: int) -> tuple[str, ...]:
    """The same bit is `temporary` for IPv6 and `secondary` for IPv4."""
    words = (word for bit, word in ADDRESS_FLAGS if flags & bit)
    return tuple("secondary" if word == "temporary" and family == socket.AF_INET else word for word in words)


@lru_cache(maxsize=4096)
def ip(value: bytes) -> str:
    """Raises ValueError for what is neither 4 nor 16 bytes long."""
    return socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)


def number(value: bytes | None) -> int | None:
    """A 32-bit attribute; None where it is absent or has another size."""
    return NUMBER.unpack(value)[0] if value is not None and len(value) == 4 else None


def signed(value: bytes | None) -> int | None:
    return SIGNED.unpack(value)[0] if value is not None and len(value) == 4 else None


def _statistics(value: bytes | None) -> Statistics | None:
    if value is None or len(value) < COUNTERS.size:
        return None
    rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped = COUNTERS.unpack_from(value)
    return Statistics(rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped)


def _extended(value: bytes | None, carrier_changes: int | None) -> ExtendedStatistics | None:
    """Counters are only ever added to the struct: the last ones may be missing."""
    value = value or b""
    counters = struct.unpack_from(f"={len(value) // 8}Q", value)[8:]
    named = dict(zip(EXTENDED, counters))
    if "tx_compressed" not in named:
        return None
    return ExtendedStatistics(**named, carrier_changes=carrier_changes)
