"""Links and addresses of the namespace that a Netlink socket is in, as facts; peers are joined later (`peers.py`).

Sources: linux/if_link.h, linux/if_addr.h, linux/if.h; the words are those that iproute2 prints.
"""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

from ..model import Address, ExtendedStatistics, Interface, Statistics
from .details import details
from .netlink import Netlink, attribute, attribute_list, attributes

RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_GETADDR = 16, 18, 20, 22
RTM_GETNSID = 90

IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, change
IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
RTGENMSG = struct.Struct("=Bxxx")
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
NETNSA_NSID, NETNSA_FD = 1, 3

ARPHRD = {1: "ether", 32: "infiniband", 512: "ppp", 768: "ipip", 769: "tunnel6", 772: "loopback", 776: "sit", 778: "gre",
          823: "gre6", 65534: "none"}  # fmt: skip
LINK_FLAGS = ((0x8, "LOOPBACK"), (0x2, "BROADCAST"), (0x10, "POINTOPOINT"), (0x1000, "MULTICAST"), (0x80, "NOARP"),
              (0x200, "ALLMULTI"), (0x100, "PROMISC"), (0x400, "MASTER"), (0x800, "SLAVE"), (0x4, "DEBUG"),
              (0x4000, "DYNAMIC"), (0x8000, "AUTOMEDIA"), (0x2000, "PORTSEL"), (0x20, "NOTRAILERS"), (0x1, "UP"),
              (0x10000, "LOWER_UP"), (0x20000, "DORMANT"), (0x40000, "ECHO"))  # fmt: skip
IFF_UP, IFF_LOOPBACK, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x8, 0x40, 0x10000
OPERSTATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
ADDRESS_FLAGS = ((0x80, "permanent"), (0x01, "temporary"), (0x02, "nodad"), (0x04, "optimistic"), (0x08, "dadfailed"),
                 (0x10, "home"), (0x20, "deprecated"), (0x40, "tentative"), (0x100, "mngtmpaddr"),
                 (0x200, "noprefixroute"), (0x400, "autojoin"), (0x800, "stable-privacy"))  # fmt: skip
FAMILIES = {2: "inet", 10: "inet6"}
PROTOCOLS = {1: "kernel_lo", 2: "kernel_ra", 3: "kernel_ll"}
FOREVER = 0xFFFFFFFF
PAIRED = ("veth", "netkit")
AF_UNSPEC = 0
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
    dumped = netlink.dump(RTM_GETLINK, ALL_LINKS)
    links = [cut_link(payload) for kind, payload in dumped if kind == RTM_NEWLINK]
    names = {link.index: link.name for link in links}
    links.sort(key=lambda link: link.index)
    return tuple(interface(link, tuple(addresses.get(link.index, ())), names, extended) for link in links)


class Link(NamedTuple):
    """One RTM_NEWLINK cut into attributes; `name` and `index` apart, because other links are named by them."""

    index: int  # type: ignore[assignment]
    name: str
    arp_type: int
    flags: int
    found: dict[int, bytes]


def cut_link(payload: bytes) -> Link:
    """Raises ValueError when malformed."""
    if len(payload) < IFINFOMSG.size:
        raise ValueError("netlink: a link message was cut short")
    _, arp_type, index, flags, _ = IFINFOMSG.unpack_from(payload)
    found = attributes(payload, IFINFOMSG.size)
    name = text(found.get(IFLA_IFNAME)) or f"if{index}"
    return Link(index, name, arp_type, flags, found)


def interface(link: Link, addresses: tuple[Address, ...], names: dict[int, str], extended: bool = False) -> Interface:
    """The facts of a link; `names` are those of the namespace's links by index. Raises ValueError when malformed."""
    found, flags = link.found, link.flags
    info = attributes(found.get(IFLA_LINKINFO, b""))
    kind = text(info.get(IFLA_INFO_KIND)) or ("loopback" if flags & IFF_LOOPBACK else "physical")
    more = details(kind, info.get(IFLA_INFO_DATA, b""))
    operstate = _word(OPERSTATES, found.get(IFLA_OPERSTATE, b"\0")[:1])
    running = "up" if flags & IFF_UP and flags & IFF_LOWER_UP else "down"
    # link/none devices carry no address; iproute2 prints none either
    link_type = ARPHRD.get(link.arp_type) or f"[{link.arp_type}]"
    link_index, link_nsid = number(found, IFLA_LINK), signed(found, IFLA_LINK_NETNSID)
    master = number(found, IFLA_MASTER)
    parent = None
    if link_index and link_index != link.index and kind not in PAIRED:
        # in another namespace only its index is known
        parent = names.get(link_index) if link_nsid is None else None
        parent = parent or f"if{link_index}"
    return Interface(
        index=link.index,
        name=link.name,
        kind=kind,
        state=running if operstate == "unknown" else operstate,
        flags=link_flags(flags),
        mtu=number(found, IFLA_MTU) or 0,
        mac=None if link_type == "loopback" else link_address(found.get(IFLA_ADDRESS), link_type),
        altnames=_altnames(found[IFLA_PROP_LIST]) if IFLA_PROP_LIST in found else (),
        alias=text(found.get(IFLA_IFALIAS)),
        addresses=addresses,
        master=None if master is None else names.get(master, str(master)),
        parent=parent,
        peer=None,
        statistics=_statistics(found.get(IFLA_STATS64)),
        operstate=operstate,
        link_type=link_type,
        broadcast=link_address(found.get(IFLA_BROADCAST), link_type),
        qdisc=text(found.get(IFLA_QDISC)),
        group=number(found, IFLA_GROUP) or 0,
        queue_length=number(found, IFLA_TXQLEN),
        link_index=link_index,
        link_nsid=link_nsid,
        vlan_id=more.vlan_id,
        mode=more.mode,
        tunnel=more.tunnel,
        extended_statistics=_extended(found) if extended else None,
    )


def _altnames(properties: bytes) -> tuple[str, ...]:
    names = (text(value) for kind, value in attribute_list(properties) if kind == IFLA_ALT_IFNAME)
    return tuple(filter(None, names))


def parse_address(payload: bytes) -> tuple[int, Address | None]:
    """One RTM_NEWADDR → (ifindex, address), None for a family that is not IP. Raises ValueError when malformed."""
    if len(payload) < IFADDRMSG.size:
        raise ValueError("netlink: an address message was cut short")
    family, prefix_length, short_flags, scope, index = IFADDRMSG.unpack_from(payload)
    if family not in FAMILIES:
        return index, None
    found = attributes(payload, IFADDRMSG.size)
    flags = number(found, IFA_FLAGS)
    flags = short_flags if flags is None else flags
    # IFA_LOCAL is the address and IFA_ADDRESS the far end, where the two differ (IPv6 has only IFA_ADDRESS)
    local = found.get(IFA_LOCAL, found.get(IFA_ADDRESS))
    if local is None:
        return index, None
    far = found.get(IFA_ADDRESS, local)
    lifetimes = found.get(IFA_CACHEINFO, b"")
    preferred, valid = CACHEINFO.unpack_from(lifetimes)[:2] if len(lifetimes) >= CACHEINFO.size else (FOREVER, FOREVER)
    protocol = found.get(IFA_PROTO, b"")
    return index, Address(
        family=FAMILIES[family],
        address=ip(local),
        prefix_length=prefix_length,
        scope=SCOPES.get(scope, str(scope)),
        peer=None if far == local else ip(far),
        broadcast=ip(found[IFA_BROADCAST]) if IFA_BROADCAST in found else None,
        label=text(found.get(IFA_LABEL)),
        flags=_address_flags(family, flags),
        valid_lifetime=None if valid == FOREVER else valid,
        preferred_lifetime=None if preferred == FOREVER else preferred,
        protocol=PROTOCOLS.get(protocol[0], str(protocol[0])) if protocol and protocol[0] else None,
    )


def nsid_of(netlink: Netlink, descriptor: int) -> int | None:
    """The number by which the socket's namespace knows the one behind `descriptor`; None when it has given none."""
    request = RTGENMSG.pack(AF_UNSPEC) + attribute(NETNSA_FD, NUMBER.pack(descriptor))
    return _nsid(netlink.get(RTM_GETNSID, request)[1])


def nsids(netlink: Netlink) -> set[int]:
    """Every number that the socket's namespace has given to another."""
    answers = netlink.dump(RTM_GETNSID, RTGENMSG.pack(AF_UNSPEC))
    return {nsid for _, payload in answers if (nsid := _nsid(payload)) is not None}


def _nsid(payload: bytes) -> int | None:
    nsid = signed(attributes(payload, RTGENMSG.size), NETNSA_NSID)
    return None if nsid is None or nsid < 0 else nsid


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


def _word(words: tuple[str, ...], value: bytes) -> str:
    return words[value[0]] if value and value[0] < len(words) else "unknown"


def number(found: dict[int, bytes], kind: int) -> int | None:
    """A 32-bit attribute; None where it is absent or has another size."""
    value = found.get(kind, b"")
    return NUMBER.unpack(value)[0] if len(value) == NUMBER.size else None


def signed(found: dict[int, bytes], kind: int) -> int | None:
    value = found.get(kind, b"")
    return SIGNED.unpack(value)[0] if len(value) == SIGNED.size else None


def _statistics(value: bytes | None) -> Statistics | None:
    if value is None or len(value) < COUNTERS.size:
        return None
    rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped = COUNTERS.unpack_from(value)
    return Statistics(rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped)


def _extended(found: dict[int, bytes]) -> ExtendedStatistics | None:
    """Counters are only ever added to the struct: the last ones may be missing."""
    value = found.get(IFLA_STATS64, b"")
    counters = struct.unpack_from(f"={len(value) // 8}Q", value)[8:]
    named = dict(zip(EXTENDED, counters))
    if "tx_compressed" not in named:
        return None
    return ExtendedStatistics(**named, carrier_changes=number(found, IFLA_CARRIER_CHANGES))
