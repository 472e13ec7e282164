"""The facts, as frozen values. Attribute names are the JSON contract's keys in snake_case; units and sources are told here.

`None` means unknown or absent, never a default. Every sequence is a tuple, so that a fact can be a dictionary's key.
These classes are also what travels from the agent to the client (`wire.py`), so fields hold only str, int, bool, None,
tuples of those, and other facts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Warning:
    """Something that the reader must know about an answer. `code` is stable, `message` is for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Address:
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


@dataclass(frozen=True)
class Peer:
    """The other end of a veth or netkit: known only when that end points back (checked both ways).

    `inode` is the other end's namespace, None where only its nsid is known; `name` and `master` are None with it.
    """

    inode: int | None
    index: int
    name: str | None
    master: str | None
    on_host: bool | None
    nsid: int | None = None


@dataclass(frozen=True)
class Statistics:
    """IFLA_STATS64 (struct rtnl_link_stats64), the counters that `ip -s link` prints first."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True)
class Interface:
    """One link (RTM_NEWLINK) with its addresses.

    `operstate` is the kernel's own word (IFLA_OPERSTATE). `state` is the same, except where the kernel does not track it
    (unknown: lo, tun): there the flags UP and LOWER_UP decide. `kind` is IFLA_INFO_KIND, else loopback or physical.
    `parent` is the name or index of what a vlan, macvlan or ipvlan sits on; `master` the name of its bridge or bond.
    """

    index: int
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


@dataclass(frozen=True)
class Namespace:
    """A network namespace: (device, inode) of its nsfs file; the path that leads to it on the node.

    `nsid` is its number as the node's own namespace counts (RTM_GETNSID), None when it has none there.
    `held_by` says what keeps it alive: process, mount (a bind mount of its file).
    """

    inode: int
    device: int
    path: str | None
    nsid: int | None
    held_by: tuple[str, ...]


@dataclass(frozen=True)
class Pod:
    """Who a namespace belongs to, as the API server (or, with --local, the runtime's labels) says."""

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


@dataclass(frozen=True)
class Sandbox:
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


@dataclass(frozen=True)
class Process:
    """A process in the namespace: the one with the lowest PID stands for all."""

    pid: int
    command: str


@dataclass(frozen=True)
class NetworkNamespace:
    """One namespace of one node with everything that is known about it: the item of every answer."""

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


@dataclass(frozen=True)
class Question:
    """What a node is asked. `pods` None: every namespace; a pod without a UID is looked up by its name.

    `runtime` is the node's container runtime (docker, containerd, cri-o), None to ask all that are found.
    """

    pods: tuple[Pod, ...] | None = None
    runtime: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a node says: its namespaces, the host's own first, and what went wrong on the way."""

    platform: str
    namespaces: tuple[NetworkNamespace, ...]
    warnings: tuple[Warning, ...] = ()
