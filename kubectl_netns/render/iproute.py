"""Routes, neighbours, rules, statistics and sockets as iproute2 6.1 prints them: `ip route show table all`, `ip neigh`,
`ip rule`, `ip -s -s link` and `ss -n0tuwap`. Columns of `ss` are not aligned as on its terminal; words and order are the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Interface, NetworkNamespace
from ..tables import Neighbour, Route, Rule, Socket
from .safe import safe

IP_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 58: "ipv6-icmp", 132: "sctp"}
ETH_P_ALL = 3


def sections(item: NetworkNamespace) -> list[tuple[str, list[str]]]:
    """(the command whose output it is, its lines) for whatever was asked for."""
    found: list[tuple[str, list[str]]] = []
    if item.routes is not None:
        found.append(("ip route show table all", [line for one in item.routes for line in route(one)]))
    if item.neighbours is not None:
        found.append(("ip neigh", [neighbour(one) for one in item.neighbours if _shown(one)]))
    if item.rules is not None:
        for family, command in (("inet", "ip rule"), ("inet6", "ip -6 rule")):
            found.append((command, [rule(one) for one in item.rules if one.family == family]))
    if item.sockets is not None:
        found.append(("ss -n0tuwap", [_socket(one) for one in item.sockets]))
    return found


def route(one: Route) -> list[str]:
    words = [one.kind] if one.kind != "unicast" else []
    words.append(one.destination)
    words += ["from", one.origin] if one.origin else []
    words += ["nhid", str(one.nexthop_id)] if one.nexthop_id else []
    words += ["tos", f"0x{one.tos:02x}"] if one.tos else []
    words += _way(one.family, one.gateway, one.device)
    words += ["table", one.table] if one.table != "main" else []
    words += ["proto", one.protocol] if one.protocol != "boot" else []
    words += ["scope", one.scope] if one.scope != "global" else []
    words += ["src", one.source] if one.source else []
    words += ["metric", str(one.metric)] if one.metric is not None else []
    words += one.flags
    words += ["expires", f"{one.expires}sec"] if one.expires else []
    words += ["mtu", str(one.mtu)] if one.mtu else []
    # the preference is the one word that iproute2 puts no space behind
    line = " ".join(words) + (f" pref {one.preference}" if one.preference else " ")
    ways = ([*_way(one.family, hop.gateway, hop.device), "weight", str(hop.weight)] for hop in one.next_hops)
    return [line, *(f"\tnexthop {' '.join(way)} " for way in ways)]


def _way(family: str, gateway: str | None, device: str | None) -> list[str]:
    words: list[str] = []
    if gateway:
        words += ["via", *(["inet6"] if family == "inet" and ":" in gateway else []), gateway]
    return words + (["dev", safe(device)] if device else [])


def _shown(one: Neighbour) -> bool:
    """`ip neigh` leaves out what needs no resolution, and proxies."""
    return "proxy" not in one.flags and "NOARP" not in one.states and bool(one.states or "extern_learn" in one.flags)


def neighbour(one: Neighbour) -> str:
    words = [one.address]
    words += ["dev", safe(one.device)] if one.device else []
    words += ["lladdr", one.mac] if one.mac else []
    return " ".join([*words, *one.flags, *one.states]) + " "


def rule(one: Rule) -> str:
    words = ["not"] if one.inverted else []
    words += ["from", one.source or "all"]
    words += ["to", one.destination] if one.destination else []
    words += ["tos", f"0x{one.tos:02x}"] if one.tos else []
    if one.mark is not None:
        words += ["fwmark", f"0x{one.mark:x}" + (f"/0x{one.mask:x}" if one.mask not in (None, 0xFFFFFFFF) else "")]
    for word, device in (("iif", one.input_device), ("oif", one.output_device)):
        words += [word, safe(device), *(["[detached]"] if f"{word}-detached" in one.flags else [])] if device else []
    words += ["uidrange", one.uids] if one.uids else []
    words += ["ipproto", IP_PROTOCOLS.get(one.ip_protocol, str(one.ip_protocol))] if one.ip_protocol else []
    words += ["sport", _ports(one.source_ports)] if one.source_ports else []
    words += ["dport", _ports(one.destination_ports)] if one.destination_ports else []
    words += ["lookup", one.table] if one.table else [one.action, *([str(one.target)] if one.target is not None else [])]
    words += ["suppress_prefixlength", str(one.suppress_prefix_length)] if one.suppress_prefix_length is not None else []
    words += ["[unresolved]"] if "unresolved" in one.flags else []
    return f"{one.priority}:\t{' '.join(words)}"


def _ports(ports: str) -> str:
    first, _, last = ports.partition("-")
    return first if first == last else ports


def statistics(one: Interface) -> list[str]:
    """The lines that `ip -s -s` adds below a link; none where they were not asked for."""
    if one.statistics is None or one.extended_statistics is None:
        return []
    s, more = one.statistics, one.extended_statistics
    blocks: tuple[tuple[str, Iterable[str], Iterable[int]], ...] = (
        ("RX:", ("bytes", "packets", "errors", "dropped", "missed", "mcast"),
         (s.rx_bytes, s.rx_packets, s.rx_errors, s.rx_dropped, more.rx_missed_errors, more.multicast)),
        ("RX errors:", ("", "length", "crc", "frame", "fifo", "overrun"),
         (0, more.rx_length_errors, more.rx_crc_errors, more.rx_frame_errors, more.rx_fifo_errors, more.rx_over_errors)),
        ("TX:", ("bytes", "packets", "errors", "dropped", "carrier", "collsns"),
         (s.tx_bytes, s.tx_packets, s.tx_errors, s.tx_dropped, more.tx_carrier_errors, more.collisions)),
        ("TX errors:", ("", "aborted", "fifo", "window", "heartbt", "transns"),
         (0, more.tx_aborted_errors, more.tx_fifo_errors, more.tx_window_errors, more.tx_heartbeat_errors,
          more.carrier_changes or 0)),
    )  # fmt: skip
    widths = [10, 7, 6, 7, 7, 7]
    for _, _, values in blocks:
        widths = [max(width, len(str(value))) for width, value in zip(widths, values)]
    lines: list[str] = []
    for title, names, values in blocks:
        first, *rest = zip(widths, names, values)
        begun = f"    {title}{first[1]:>{first[0] - len(title)}}"
        figures = " " * first[0] if title.endswith("errors:") else f"{first[2]:>{first[0]}}"
        end = " " * 11 if not title.endswith("errors:") else ""
        lines += [" ".join([begun, *(f"{name:>{width}}" for width, name, _ in rest)]) + end,
                  " ".join([f"    {figures}", *(f"{value:>{width}}" for width, _, value in rest)]) + " "]  # fmt: skip
    return lines


def _socket(one: Socket) -> str:
    netid = one.protocol if one.protocol != "packet" else {"raw": "p_raw", "dgram": "p_dgr"}.get(one.kind, one.kind)
    # ss tells the last that it read first
    held = [(owner, descriptor) for owner in one.processes for descriptor in owner.descriptors][::-1]
    users = ",".join(f'("{safe(owner.command)}",pid={owner.pid},fd={descriptor})' for owner, descriptor in held)
    words = [netid, one.state, str(one.receive_queue), str(one.send_queue), local(one), remote(one)]
    return " ".join([*words, *([f"users:({users})"] if users else [])])


def local(one: Socket) -> str:
    """An address and port as `ss -n` writes them; a packet socket's protocol and device."""
    if one.protocol == "packet":
        protocol = "*" if one.local_port in (0, ETH_P_ALL) else f"[{one.local_port}]"
        return f"{protocol}:{safe(one.device) if one.device else '*'}"
    return _end(one, one.local_address, one.local_port, f"%{safe(one.device)}" if one.device else "")


def remote(one: Socket) -> str:
    return "*" if one.protocol == "packet" else _end(one, one.remote_address, one.remote_port)


def _end(one: Socket, address: str | None, port: int | None, device: str = "") -> str:
    text = address or "*"
    if one.family == "inet6":
        dual = text == "::" and not one.v6_only  # unknown counts as dual, as with ss
        text = "*" if dual else f"[{text}]"
    return f"{text}{device}:{port or '*'}"
