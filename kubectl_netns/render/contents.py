"""What is inside a namespace, as titled tables below its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model import ExtendedStatistics, NetworkNamespace
from ..tables import Neighbour, Route, Rule, Socket
from .iproute import local, remote
from .safe import safe

Columns = Callable[[list[str], Sequence[Sequence[object]]], str]


def asked_for(item: NetworkNamespace) -> bool:
    tables = (item.routes, item.neighbours, item.rules, item.sockets)
    return any(table is not None for table in tables) or any(one.extended_statistics for one in item.interfaces)


def sections(item: NetworkNamespace, columns: Columns) -> list[str]:
    """Only those that were asked for; one that is empty says so."""
    found: list[str] = []

    def add(title: str, headers: list[str], rows: Sequence[Sequence[object]]) -> None:
        found.append(f"{title}\n{columns(headers, rows)}" if rows else f"{title}\nnone")

    if any(one.extended_statistics for one in item.interfaces):
        add("Statistics", ["NAME", "COUNTER", "RX", "TX"], _counters(item))
    if item.routes is not None:
        headers = ["TABLE", "DESTINATION", "VIA", "DEVICE", "SOURCE", "METRIC", "PROTOCOL", "SCOPE", "FLAGS"]
        add("Routes", headers, [row for one in item.routes for row in _route(one)])
    if item.neighbours is not None:
        add("Neighbours", ["ADDRESS", "DEVICE", "MAC", "STATE"], [_neighbour(one) for one in item.neighbours])
    if item.rules is not None:
        add("Rules", ["PRIORITY", "FAMILY", "FROM", "TO", "CONDITION", "ACTION"], [_rule(one) for one in item.rules])
    if item.sockets is not None:
        headers = ["PROTOCOL", "STATE", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE", "PROCESS"]
        add("Sockets", headers, [_socket(one) for one in item.sockets])
    return found


def _neighbour(one: Neighbour) -> list[object]:
    return [one.address, safe(one.device or ""), one.mac, " ".join((*one.states, *one.flags))]


def _socket(one: Socket) -> list[object]:
    users = " ".join(f"{safe(process.command)}({process.pid})" for process in one.processes)
    return [one.protocol, one.state, one.receive_queue, one.send_queue, local(one), remote(one), users]


def _route(one: Route) -> list[list[object]]:
    """A line, and one more for each of several next hops."""
    destination = one.destination if one.kind in ("unicast", "local") else f"{one.kind} {one.destination}"
    notes = [*one.flags, *([f"mtu={one.mtu}"] if one.mtu else []), *([f"from={one.origin}"] if one.origin else [])]
    device = safe(one.device or "")
    rows: list[list[object]] = [
        [one.table, destination, one.gateway, device, one.source, one.metric, one.protocol, one.scope, " ".join(notes)]
    ]
    for hop in one.next_hops:
        rows.append(["", "", hop.gateway, safe(hop.device or ""), "", "", "", "", f"weight={hop.weight}"])
    return rows


def _rule(one: Rule) -> list[object]:
    conditions = {
        "mark": None if one.mark is None else f"0x{one.mark:x}/0x{one.mask or 0:x}", "iif": one.input_device,
        "oif": one.output_device, "tos": one.tos, "protocol": one.ip_protocol, "sport": one.source_ports,
        "dport": one.destination_ports, "uids": one.uids, "suppress": one.suppress_prefix_length,
    }  # fmt: skip
    words = [*(["not"] if one.inverted else []), *(f"{key}={value}" for key, value in conditions.items() if value is not None)]
    action = f"{one.action} {one.table or (one.target if one.target is not None else '')}".rstrip()
    return [one.priority, one.family, one.source or "all", one.destination or "all", safe(" ".join(words)), action]


def _counters(item: NetworkNamespace) -> list[list[object]]:
    """Every counter that is not zero, received beside sent; a quiet interface has one line."""
    rows: list[list[object]] = []
    for one in item.interfaces:
        s, more = one.statistics, one.extended_statistics
        if s is None or more is None:
            continue
        pairs: list[tuple[str, int | None, int | None]] = [
            ("bytes", s.rx_bytes, s.tx_bytes), ("packets", s.rx_packets, s.tx_packets),
            *((name, rx, tx) for name, rx, tx in (("errors", s.rx_errors, s.tx_errors), ("dropped", s.rx_dropped, s.tx_dropped),
                                                  *_errors(more)) if rx or tx),
        ]  # fmt: skip
        rows += [[safe(one.name), name, rx, tx] for name, rx, tx in pairs]
    return rows


def _errors(more: ExtendedStatistics) -> list[tuple[str, int | None, int | None]]:
    return [
        ("multicast", more.multicast, None), ("collisions", None, more.collisions),
        ("length errors", more.rx_length_errors, None), ("over errors", more.rx_over_errors, None),
        ("crc errors", more.rx_crc_errors, None),
        ("frame errors", more.rx_frame_errors, None), ("fifo errors", more.rx_fifo_errors, more.tx_fifo_errors),
        ("missed errors", more.rx_missed_errors, None), ("aborted errors", None, more.tx_aborted_errors),
        ("carrier errors", None, more.tx_carrier_errors), ("heartbeat errors", None, more.tx_heartbeat_errors),
        ("window errors", None, more.tx_window_errors), ("compressed", more.rx_compressed, more.tx_compressed),
        ("no handler", more.rx_nohandler, None), ("other host dropped", more.rx_otherhost_dropped, None),
        ("carrier changes", None, more.carrier_changes),
    ]  # fmt: skip
