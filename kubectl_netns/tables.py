"""The kernel's tables inside a namespace, as frozen values; the other half of `model.py`, by the same rules."""

from __future__ import annotations

from typing import NamedTuple


class NextHop(NamedTuple):
    """One of the ways of a route that has several (RTA_MULTIPATH)."""

    gateway: str | None
    device: str | None
    weight: int


class Route(NamedTuple):
    """One route of any table (RTM_NEWROUTE), in iproute2's words.

    `destination` is `default` or a prefix, `table` main, local, default or a number, `kind` unicast, local, broadcast, ….
    `source` is the address that is preferred for packets sent this way, `origin` the prefix that they must come from.
    `expires` is in seconds; a `gateway` may be of the other family (IPv4 through an IPv6 neighbour).
    """

    family: str
    kind: str
    destination: str
    gateway: str | None
    device: str | None
    source: str | None
    table: str
    protocol: str
    scope: str
    metric: int | None
    mtu: int | None
    flags: tuple[str, ...]
    next_hops: tuple[NextHop, ...]
    origin: str | None = None
    tos: int | None = None
    nexthop_id: int | None = None
    preference: str | None = None
    expires: int | None = None


class Neighbour(NamedTuple):
    """One entry of the ARP or neighbour table (RTM_NEWNEIGH); `states` and `flags` are iproute2's words."""

    family: str
    address: str
    device: str | None
    mac: str | None
    states: tuple[str, ...]
    flags: tuple[str, ...]


class Rule(NamedTuple):
    """One policy routing rule (RTM_NEWRULE). `source` and `destination` are prefixes, None for all.

    `action` is lookup, goto, nop, blackhole, unreachable or prohibit; `table` goes with lookup, `target` (a priority) with goto.
    Ports and UIDs are ranges, FIRST-LAST. `flags`: iif-detached or oif-detached (there is no such device now), unresolved (goto).
    """

    family: str
    priority: int
    source: str | None
    destination: str | None
    input_device: str | None
    output_device: str | None
    mark: int | None
    mask: int | None
    action: str
    table: str | None
    inverted: bool
    target: int | None = None
    tos: int | None = None
    suppress_prefix_length: int | None = None
    ip_protocol: int | None = None
    source_ports: str | None = None
    destination_ports: str | None = None
    uids: str | None = None
    flags: tuple[str, ...] = ()


class Process(NamedTuple):
    """A process of the node: its PID there, and its name (comm)."""

    pid: int
    command: str


class SocketOwner(NamedTuple):
    """A process that holds a socket open, and the numbers of its descriptors that do."""

    pid: int
    command: str
    descriptors: tuple[int, ...]


class Socket(NamedTuple):
    """One TCP, UDP, raw or packet socket, as sock_diag tells it (linux/inet_diag.h, linux/packet_diag.h).

    `kind` is stream, dgram or raw, `state` the word of `ss` (LISTEN, ESTAB, UNCONN, …). A raw socket's local port is its
    protocol's number, a packet socket's the Ethernet protocol's. `processes` hold it open, where this could be seen.
    """

    protocol: str
    kind: str
    family: str | None
    state: str
    local_address: str | None
    local_port: int | None
    remote_address: str | None
    remote_port: int | None
    device: str | None
    inode: int
    uid: int | None
    receive_queue: int
    send_queue: int
    processes: tuple[SocketOwner, ...]
    v6_only: bool | None = None
