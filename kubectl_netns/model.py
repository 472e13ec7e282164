"""The facts, as frozen values. Attribute names are the JSON contract's keys in snake_case; units and sources are told here.

`None` means unknown or absent, never a default. Every sequence is a tuple, so that a fact can be a dictionary's key.
These classes are also what travels from the agent to the client (`wire.py`), so fields hold only str, int, bool, None,
tuples of those, and other facts.
"""

from __future__ import annotations

from typing import NamedTuple

from .tables import Neighbour, Process, Route, Rule, Socket


class Warning(NamedTuple):
    """Something that the reader must know about an answer. `code` is stable, `message` is for people."""

    code: str
    message: str


class Address(NamedTuple):
    """One address of an interface (RTM_NEWADDR).

    `family` is inet or inet6, `scope` global, site, link, host or a number; lifetimes are seconds, None for ever;
    `flags` are iproute2's words (permanent, tentative, …) in the kernel's bit order; `protocol` is IFA_PROTO.
    """

    family: str
    address: str
    prefix_length: int
    scope: str
    peer: str | None = None
    broadcast: str | None = None
    label: str | None = None
    flags: tuple[str, ...] = ()
    valid_lifetime: int | None = None
    preferred_lifetime: int | None = None
    protocol: str | None = None


class Peer(NamedTuple):
    """The other end of a veth or netkit: known only when that end points back (checked both ways).

    `inode` is the other end's namespace, None where only its nsid is known; `name` and `master` are None where it was not found.
    `routes` are the host's routes that lead through the peer to an address of this end, where no bridge does (Calico's shape).
    """

    inode: int | None
    index: int  # type: ignore[assignment]
    name: str | None
    master: str | None
    on_host: bool | None
    nsid: int | None = None
    routes: tuple[str, ...] = ()


class Statistics(NamedTuple):
    """IFLA_STATS64 (struct rtnl_link_stats64), the counters that `ip -s link` prints first."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


class ExtendedStatistics(NamedTuple):
    """The rest of struct rtnl_link_stats64 and IFLA_CARRIER_CHANGES, which `ip -s -s link` prints; None: an older kernel."""

    multicast: int
    collisions: int
    rx_length_errors: int
    rx_over_errors: int
    rx_crc_errors: int
    rx_frame_errors: int
    rx_fifo_errors: int
    rx_missed_errors: int
    tx_aborted_errors: int
    tx_carrier_errors: int
    tx_fifo_errors: int
    tx_heartbeat_errors: int
    tx_window_errors: int
    rx_compressed: int
    tx_compressed: int
    rx_nohandler: int | None = None
    rx_otherhost_dropped: int | None = None
    carrier_changes: int | None = None


class TunnelPeer(NamedTuple):
    """One peer of a WireGuard device: its public key (base64), where it was last heard from, and the prefixes that are its."""

    public_key: str
    endpoint: str | None
    allowed_ips: tuple[str, ...]


class Tunnel(NamedTuple):
    """What a vxlan, geneve, gre, ipip or sit device does with its packets (IFLA_INFO_DATA), or a WireGuard device.

    `identifier` is the VNI or, for gre, the key; `local` and `remote` are the outer addresses, None for any; `port` the UDP port.
    """

    identifier: int | None
    local: str | None
    remote: str | None
    port: int | None
    ttl: int | None
    peers: tuple[TunnelPeer, ...] = ()


class Interface(NamedTuple):
    """One link (RTM_NEWLINK) with its addresses.

    `operstate` is the kernel's own word (IFLA_OPERSTATE). `state` is the same, except where the kernel does not track it
    (unknown: lo, tun): there the flags UP and LOWER_UP decide. `kind` is IFLA_INFO_KIND, else loopback or physical.
    `parent` is the name or index of what a vlan, macvlan or ipvlan sits on; `master` the name of its bridge or bond.
    `vlan_id` and `mode` (of a macvlan or ipvlan) come from IFLA_INFO_DATA, as `tunnel` does.
    """

    index: int  # type: ignore[assignment]
    name: str
    kind: str
    state: str
    flags: tuple[str, ...]
    mtu: int
    mac: str | None
    altnames: tuple[str, ...]
    alias: str | None
    addresses: tuple[Address, ...]
    master: str | None
    parent: str | None
    peer: Peer | None
    statistics: Statistics | None
    operstate: str = "unknown"
    link_type: str = "ether"
    broadcast: str | None = None
    qdisc: str | None = None
    group: int = 0
    queue_length: int | None = None
    link_index: int | None = None
    link_nsid: int | None = None
    vlan_id: int | None = None
    mode: str | None = None
    tunnel: Tunnel | None = None
    extended_statistics: ExtendedStatistics | None = None


class Namespace(NamedTuple):
    """A network namespace: (device, inode) of its nsfs file; the path that leads to it on the node.

    A stale name has a path but no namespace: there `inode` and `device` are None, as they are where only an nsid is known.
    `nsid` is its number as the node's own namespace counts (RTM_GETNSID), None when it has none there.
    `held_by` says what keeps it alive: process, thread (one that left its process's namespace, or outlived its process's first),
    mount (a bind mount of its file), descriptor (an open file), socket, hidden-mount (a mount that another one covers: it leads
    nowhere); nsid, where nothing else is known of it.
    `names` are all paths of the node under which it is mounted or linked; of copies of a mount in other mount namespaces one is.
    """

    inode: int | None
    device: int | None
    path: str | None
    nsid: int | None
    held_by: tuple[str, ...]
    names: tuple[str, ...] = ()


class Pod(NamedTuple):
    """Who a namespace belongs to, as the API server (or, with --local, the runtime's labels) says.

    `host_network` is their word too; whether it is so, the namespace's `role` tells.
    """

    namespace: str
    name: str
    uid: str | None
    ips: tuple[str, ...] = ()
    host_network: bool | None = None

    def matches(self, found: Pod) -> bool:
        """Whether a runtime's pod is this one of the API server's: by UID where it is known, else by name.

        A static pod's sandbox bears its manifest's hash (no dashes) as UID, while the API server made up another: there the
        name decides. So it does without a cluster, where an empty `namespace` stands for any.
        """
        if self.uid is not None and self.uid == found.uid:
            return True
        named = self.name == found.name and self.namespace in ("", found.namespace)
        return named and (self.uid is None or (found.uid is not None and "-" not in found.uid))


class Sandbox(NamedTuple):
    """A pod's sandbox as its runtime tells it.

    For Docker `id` is the pause *container*, `network_id` its NetworkSettings.SandboxID. `source` is docker, cri or cgroup
    (inferred from a process's cgroup; then state and attempt are unknown). `created_at` is RFC 3339 in UTC.
    """

    id: str
    runtime: str | None
    state: str
    pid: int | None
    attempt: int | None
    created_at: str | None
    source: str
    network_id: str | None = None
    runtime_version: str | None = None


class Match(NamedTuple):
    """Why a namespace is the answer to a search: what was found, as which kind of thing, in full, and where.

    `kind` is one of Clue's. `detail` is for people, None where `value` says all.
    """

    kind: str
    value: str
    detail: str | None


class NetworkNamespace(NamedTuple):
    """One namespace of one node with everything that is known about it: the item of every answer.

    `role` is host, pod, container, named or unknown; `verdict` owned, orphan (held, but its sandbox is gone or not ready),
    stale (a name whose namespace is gone) or unknown, and `reason` says why. `process` is the one with the lowest PID in it.
    `routes`, `neighbours`, `rules` and `sockets` are None where they were not asked for. `found_by` says why a search has it.
    """

    node: str | None
    namespace: Namespace
    role: str
    pod: Pod | None
    sandbox: Sandbox | None
    verdict: str
    interfaces: tuple[Interface, ...]
    warnings: tuple[Warning, ...] = ()
    container: str | None = None
    process: Process | None = None
    platform: str | None = None
    reason: str | None = None
    routes: tuple[Route, ...] | None = None
    neighbours: tuple[Neighbour, ...] | None = None
    rules: tuple[Rule, ...] | None = None
    sockets: tuple[Socket, ...] | None = None
    found_by: tuple[Match, ...] = ()
