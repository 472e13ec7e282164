"""The kernel's tables inside a namespace, as frozen values; the other half of `model.py`, by the same rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NextHop:
    """One of the ways of a route that has several (RTA_MULTIPATH)."""

    gateway: str | None
    device: str | None
    weight: int


@dataclass(frozen=True)
class Route:
    """One route of any table (RTM_NEWROUTE), in iproute2's words.

    `destination` is `default` or a prefix, `table` main, local, default or a number, `kind` unicast, local, broadcast, ….
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


@dataclass(frozen=True)
class Neighbour:
    """One entry of the ARP or neighbour table (RTM_NEWNEIGH); `states` and `flags` are iproute2's words."""

    family: str
    address: str
    device: str | None
    mac: str | None
    states: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One policy routing rule (RTM_NEWRULE). `source` and `destination` are prefixes, None for all."""

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


@dataclass(frozen=True)
class Process:
    """A process of the node: its PID there, and its name (comm)."""

    pid: int
    command: str


@dataclass(frozen=True)
class Socket:
    """One TCP, UDP, raw or packet socket, as sock_diag tells it (linux/inet_diag.h, linux/packet_diag.h).

    `state` is `ss`'s word (LISTEN, ESTAB, UNCONN, …). Ports are None for packet sockets, whose `protocol` is `packet`;
    `processes` are those that hold it open, where this could be seen.
    """

    protocol: str
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
    processes: tuple[Process, ...]
