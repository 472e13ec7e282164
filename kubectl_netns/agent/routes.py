"""Routes of every table and policy rules of the namespace that a Netlink socket is in, in iproute2's words.

Sources: linux/rtnetlink.h, linux/fib_rules.h, and iproute2's own files of names (rt_protos, rt_tables, rt_scopes).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ..tables import NextHop, Route, Rule
from .links import FAMILIES, SCOPES, ip, number, signed, text
from .netlink import Netlink, attributes

RTM_NEWROUTE, RTM_GETROUTE, RTM_NEWRULE, RTM_GETRULE = 24, 26, 32, 34
RTMSG = struct.Struct("=8BI")  # family, dst_len, src_len, tos, table, protocol, scope, type, flags
RULE = struct.Struct("=8BI")  # family, dst_len, src_len, tos, table, 0, 0, action, flags
NEXTHOP = struct.Struct("=HBBi")  # length, flags, hops, ifindex

RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH = 1, 2, 4, 5, 6, 7, 8, 9
RTA_CACHEINFO, RTA_TABLE, RTA_VIA, RTA_PREF, RTA_NH_ID = 12, 15, 18, 20, 30
RTAX_MTU = 2
RTM_F_CLONED = 0x200
FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_GOTO, FRA_PRIORITY, FRA_FWMARK, FRA_SUPPRESS_PREFIXLEN = 1, 2, 3, 4, 6, 10, 14
FRA_TABLE, FRA_FWMASK, FRA_OIFNAME, FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE = 15, 16, 17, 20, 22, 23, 24
FIB_RULE_INVERT = 0x2
RULE_FLAGS = ((0x8, "iif-detached"), (0x10, "oif-detached"), (0x4, "unresolved"))
CACHEINFO = struct.Struct("=IIi")  # clntref, lastuse, expires (in ticks of USER_HZ)
USER_HZ = 100

KINDS = ("none", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "nat",
         "xresolve")  # fmt: skip
PROTOCOLS = {0: "none", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt", 11: "zebra",
             12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 18: "keepalived", 42: "babel", 186: "bgp",
             187: "isis", 188: "ospf", 189: "rip", 192: "eigrp"}  # fmt: skip
TABLES = {253: "default", 254: "main", 255: "local"}
FLAGS = ((0x1, "dead"), (0x4, "onlink"), (0x2, "pervasive"), (0x8, "offload"), (0x40, "trap"), (0x100, "notify"),
         (0x10, "linkdown"), (0x20, "unresolved"), (0x4000, "rt_offload"), (0x8000, "rt_trap"),
         (0x20000000, "rt_offload_failed"))  # fmt: skip
PREFERENCES = {0: "medium", 1: "high", 3: "low"}
ACTIONS = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
BITS = {2: 32, 10: 128}

Names = Mapping[int, str]


def read_routes(netlink: Netlink, names: Names, table: int = 0) -> tuple[Route, ...]:
    """IPv4's, then IPv6's, in the kernel's order; its cache of single destinations is left out, as by `ip route`.

    Of one table only, if the socket is a strict one (without, Linux gives all of them).
    """
    return tuple(
        route
        for family in FAMILIES
        for kind, payload in netlink.dump(RTM_GETROUTE, RTMSG.pack(family, 0, 0, 0, table, 0, 0, 0, 0))
        if kind == RTM_NEWROUTE and (route := parse_route(payload, names))
    )


def parse_route(payload: bytes, names: Names) -> Route | None:
    """None for a cached one, and for other families than IP. Raises ValueError when malformed."""
    if len(payload) < RTMSG.size:
        raise ValueError("netlink: a route message was cut short")
    family, dst_length, src_length, tos, table, protocol, scope, kind, flags = RTMSG.unpack_from(payload)
    if family not in FAMILIES or flags & RTM_F_CLONED:
        return None
    found = attributes(payload, RTMSG.size)
    metrics = attributes(found.get(RTA_METRICS, b""))
    device = number(found.get(RTA_OIF))
    return Route(
        family=FAMILIES[family],
        kind=KINDS[kind] if kind < len(KINDS) else str(kind),
        destination=_prefix(found.get(RTA_DST), dst_length, family) or "default",
        gateway=_gateway(found),
        device=None if device is None else names.get(device, f"if{device}"),
        source=ip(found[RTA_PREFSRC]) if RTA_PREFSRC in found else None,
        table=_table(number(found.get(RTA_TABLE)) or table),
        protocol=PROTOCOLS.get(protocol, str(protocol)),
        scope=SCOPES.get(scope, str(scope)),
        metric=number(found.get(RTA_PRIORITY)),
        mtu=number(metrics.get(RTAX_MTU)),
        flags=tuple(word for bit, word in FLAGS if flags & bit),
        next_hops=_next_hops(found.get(RTA_MULTIPATH, b""), names),
        origin=_prefix(found.get(RTA_SRC), src_length, family),
        tos=tos or None,
        nexthop_id=number(found.get(RTA_NH_ID)),
        preference=PREFERENCES.get(found[RTA_PREF][0]) if found.get(RTA_PREF) else None,
        expires=_expires(found.get(RTA_CACHEINFO, b"")),
    )


def _expires(cacheinfo: bytes) -> int | None:
    ticks = CACHEINFO.unpack_from(cacheinfo)[2] if len(cacheinfo) >= CACHEINFO.size else 0
    return ticks // USER_HZ if ticks else None


def _prefix(address: bytes | None, length: int, family: int) -> str | None:
    """A prefix as iproute2 writes it: a whole address without its length."""
    if address is None:
        return f"0/{length}" if length else None
    return ip(address) if length == BITS[family] else f"{ip(address)}/{length}"


def _gateway(found: dict[int, bytes]) -> str | None:
    if RTA_GATEWAY in found:
        return ip(found[RTA_GATEWAY])
    via = found.get(RTA_VIA)  # struct rtvia: the family, then the address
    return ip(via[2:]) if via is not None else None


def _next_hops(data: bytes, names: Names) -> tuple[NextHop, ...]:
    hops: list[NextHop] = []
    offset = 0
    while offset + NEXTHOP.size <= len(data):
        length, _, weight, device = NEXTHOP.unpack_from(data, offset)
        if not NEXTHOP.size <= length <= len(data) - offset:
            raise ValueError(f"netlink: a next hop of {length} bytes in {len(data) - offset}")
        found = attributes(data[offset + NEXTHOP.size : offset + length])
        hops.append(NextHop(_gateway(found), names.get(device, f"if{device}") if device else None, weight + 1))
        offset += (length + 3) & ~3
    return tuple(hops)


def _table(table: int) -> str:
    return TABLES.get(table, str(table))


def read_rules(netlink: Netlink) -> tuple[Rule, ...]:
    """IPv4's, then IPv6's, by priority."""
    return tuple(
        rule
        for family in FAMILIES
        for kind, payload in netlink.dump(RTM_GETRULE, RULE.pack(family, *[0] * 8))
        if kind == RTM_NEWRULE and (rule := parse_rule(payload))
    )


def parse_rule(payload: bytes) -> Rule | None:
    """None for other families than IP. Raises ValueError when malformed."""
    if len(payload) < RULE.size:
        raise ValueError("netlink: a rule message was cut short")
    family, dst_length, src_length, tos, table, _, _, action, flags = RULE.unpack_from(payload)
    if family not in FAMILIES:
        return None
    found = attributes(payload, RULE.size)
    word = ACTIONS.get(action, str(action))
    mark = number(found.get(FRA_FWMARK))
    suppressed = signed(found.get(FRA_SUPPRESS_PREFIXLEN))
    return Rule(
        family=FAMILIES[family],
        priority=number(found.get(FRA_PRIORITY)) or 0,
        source=_prefix(found.get(FRA_SRC), src_length, family),
        destination=_prefix(found.get(FRA_DST), dst_length, family),
        input_device=text(found.get(FRA_IIFNAME)),
        output_device=text(found.get(FRA_OIFNAME)),
        mark=mark,
        mask=number(found.get(FRA_FWMASK)) if mark is not None else None,
        action=word,
        table=_table(number(found.get(FRA_TABLE)) or table) if word == "lookup" else None,
        inverted=bool(flags & FIB_RULE_INVERT),
        target=number(found.get(FRA_GOTO)),
        tos=tos or None,
        suppress_prefix_length=suppressed if suppressed is not None and suppressed >= 0 else None,
        ip_protocol=found[FRA_IP_PROTO][0] if found.get(FRA_IP_PROTO) else None,
        source_ports=_range(found.get(FRA_SPORT_RANGE), "=HH"),
        destination_ports=_range(found.get(FRA_DPORT_RANGE), "=HH"),
        uids=_range(found.get(FRA_UID_RANGE), "=II"),
        flags=tuple(word for bit, word in RULE_FLAGS if flags & bit),
    )


def _range(value: bytes | None, form: str) -> str | None:
    if value is None or len(value) != struct.calcsize(form):
        return None
    first, last = struct.unpack(form, value)
    return f"{first}-{last}"
