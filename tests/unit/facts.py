"""Sample facts for tests of what is made from facts: every role, facts that are absent, names that nobody should choose."""

from __future__ import annotations

from kubectl_netns.model import (
    Address,
    ExtendedStatistics,
    Interface,
    Match,
    Namespace,
    NetworkNamespace,
    Peer,
    Pod,
    Sandbox,
    Statistics,
    Tunnel,
    TunnelPeer,
    Warning,
)
from kubectl_netns.tables import Neighbour, NextHop, Process, Route, Rule, Socket, SocketOwner

NASTY = "a\x1b[31m\x07b\nc\x85\u202e\udcff"
LO = Interface(
    1, "lo", "loopback", "up", ("LOOPBACK", "UP", "LOWER_UP"), 65536, None, (), None,
    (Address("inet", "127.0.0.1", 8, "host", label="lo", flags=("permanent",)),
     Address("inet6", "::1", 128, "host", flags=("permanent",), protocol="kernel_lo")),
    None, None, None, Statistics(0, 0, 0, 0, 0, 0, 0, 0), link_type="loopback", broadcast="00:00:00:00:00:00", qdisc="noqueue",
    queue_length=1000,
)  # fmt: skip
ETH0 = Interface(
    2, "eth0", "veth", "up", ("BROADCAST", "MULTICAST", "UP", "LOWER_UP"), 1500, "fe:f8:da:c5:87:c8", (), None,
    (Address("inet", "10.244.2.14", 24, "global", broadcast="10.244.2.255", label="eth0", flags=("permanent",)),
     Address("inet6", "fe80::fcf8:daff:fec5:87c8", 64, "link", flags=("permanent",), protocol="kernel_ll")),
    None, None, Peer(4026531840, 7, "veth1a2b3c4d", "cni0", True, 0), Statistics(1, 2, 3, 4, 5, 6, 7, 8), operstate="up",
    broadcast="ff:ff:ff:ff:ff:ff", qdisc="noqueue", link_index=7, link_nsid=0,
)  # fmt: skip
NETWORK_ID = "0123456789ab" + "c" * 52
CONTAINERD = NetworkNamespace(
    "node-b", Namespace(4026532576, 4, "/run/netns/cni-26d4bfd1", 3, ("process", "mount"), ("/run/netns/cni-26d4bfd1",)), "pod",
    Pod("shop", "web-6d5f", "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f", ("10.244.2.14",), False),
    Sandbox("3f1c" * 16, "containerd", "ready", 4711, 0, "2026-01-01T00:00:00Z", "cri", runtime_version="1.6.20"),
    "owned", (LO, ETH0), process=Process(4711, "pause"), platform="linux/amd64", reason="its sandbox is ready",
)  # fmt: skip
DOCKER = CONTAINERD._replace(node="node-a", namespace=CONTAINERD.namespace._replace(path="/run/docker/netns/0123456789ab"),
    sandbox=Sandbox("ab" * 32, "docker", "ready", 680, 2, "2026-01-01T00:00:00Z", "docker", NETWORK_ID, "20.10.24"),
)  # fmt: skip
HOST_POD = CONTAINERD._replace(role="host", pod=Pod("kube-system", "proxy", "u", (), True))
HOST = NetworkNamespace(
    "node-b", Namespace(4026531840, 4, "/proc/1/ns/net", None, ("process",)), "host", None, None, "owned",
    (LO, ETH0._replace(index=3, name="cni0", kind="bridge", peer=None, link_index=None, link_nsid=None)),
    process=Process(1, "init"),
)  # fmt: skip
PLAIN = CONTAINERD._replace(role="container", pod=None, container="db")
NAMED = NetworkNamespace(
    None, Namespace(4026532600, 4, "/run/netns/blue", None, ("mount",), ("/run/netns/blue",)), "named", None, None, "owned",
    (LO,), reason="it has a name of its own, blue",
)  # fmt: skip
ORPHAN = CONTAINERD._replace(verdict="orphan", reason="it is still held, but its sandbox is not ready",
                 warnings=(Warning("two-ready-sandboxes", "the pod has more than one ready sandbox"),))  # fmt: skip
STALE = NetworkNamespace(
    "node-b", Namespace(None, None, "/run/netns/gone", None, (), ("/run/netns/gone",)), "named", None, None, "stale", (),
    reason="it is a plain file",
)  # fmt: skip
NUMBERED = NetworkNamespace(None, Namespace(None, None, None, 5, ("nsid",)), "unknown", None, None, "unknown", ())
INFERRED = CONTAINERD._replace(pod=Pod("", "", "8f0c"), sandbox=Sandbox("3f1c" * 16, None, "unknown", 41, None, None, "cgroup"))
EVIL = CONTAINERD._replace(pod=Pod(NASTY, NASTY, NASTY, (NASTY,), False), namespace=CONTAINERD.namespace._replace(path=f"/run/netns/{NASTY}",
                                                                                names=(f"/run/netns/{NASTY}",)),
    interfaces=(ETH0._replace(name=NASTY, kind=NASTY, alias=NASTY, altnames=(NASTY,), qdisc=NASTY,
                        peer=Peer(1, 7, NASTY, NASTY, False, 0)),
                ETH0._replace(name="m", master=NASTY, parent=NASTY, peer=None)),
    process=Process(1, NASTY), reason=NASTY, verdict="orphan", warnings=(Warning("x", NASTY),), container=NASTY,
)  # fmt: skip
IPV6_ONLY = CONTAINERD._replace(interfaces=(LO, ETH0._replace(addresses=(Address("inet6", "fd00::2", 64, "global"),))))
CROWDED = CONTAINERD._replace(interfaces=tuple(ETH0._replace(index=number, name=f"v{number}") for number in range(1, 5001)))
TUNNELS = CONTAINERD._replace(interfaces=(
    ETH0._replace(index=3, name="vx0", kind="vxlan", peer=None, tunnel=Tunnel(7, "10.0.0.2", "10.0.0.1", 4789, None)),
    ETH0._replace(index=4, name="wg0", kind="wireguard", peer=None,
            tunnel=Tunnel(None, None, None, 51820, None, (TunnelPeer("AQ==", "192.0.2.1:51820", ("10.0.0.0/8",)),))),
    ETH0._replace(index=5, name="eth0.5", kind="vlan", peer=None, parent="eth0", vlan_id=5, link_index=2, link_nsid=None),
    ETH0._replace(index=6, name="mv0", kind="macvlan", peer=None, parent="if9", mode="bridge"),
    ETH0._replace(index=7, name="far", peer=Peer(None, 9, None, None, False, 4)),
    ETH0._replace(index=8, name="lost", peer=Peer(None, 9, None, None, True, 0)),
))  # fmt: skip
FULL = CONTAINERD._replace(interfaces=(ETH0._replace(extended_statistics=ExtendedStatistics(*range(17))),),
    routes=(Route("inet", "unicast", "default", "10.244.2.1", "eth0", None, "main", "boot", "global", 100, 1400, ("onlink",), ()),
            Route("inet6", "unicast", "fd00::/64", None, None, "fd00::2", "100", "kernel", "link", None, None, (),
                  (NextHop("fe80::1", "eth0", 1), NextHop(None, "eth0", 2)))),
    neighbours=(Neighbour("inet", "10.244.2.1", "eth0", "02:00:00:00:00:01", ("REACHABLE",), ("router",)),),
    rules=(Rule("inet", 0, None, None, None, None, None, None, "lookup", "local", False),),
    sockets=(Socket("tcp", "stream", "inet", "LISTEN", "0.0.0.0", 80, "0.0.0.0", None, None, 77, 0, 0, 128, (SocketOwner(7, "nginx", (6, 8)),)),),
)  # fmt: skip
SOUGHT = CONTAINERD._replace(found_by=(Match("interface", "veth1a2b3c4d", "index 7 on the host, peer of eth0"), Match("inode", "4026532576", None),
                          Match("sandbox", "3f1c" * 16, "ready, shop/web"), Match("address", "fd00:244:2::2:1", "eth0 (2)")),
)  # fmt: skip
SOUGHT_EVIL = EVIL._replace(found_by=(Match("interface", NASTY, NASTY), Match("container", "ab" * 32, "process 7, python3")))
ALL = {name: value for name, value in globals().items() if isinstance(value, NetworkNamespace)}
