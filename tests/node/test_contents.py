"""What is inside a namespace, compared field by field with `ip -j` and `ss`, and to the letter with `ip`'s own text."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from kubectl_netns.questions import Question
from kubectl_netns.render import iproute
from kubectl_netns.render.document import document
from tests.node.worlds import World, ip_json, read

ALL = ("routes", "neighbours", "rules", "sockets", "statistics")
BASE = ["link add e type veth peer name f", "link set e up", "link set f up", "addr add 10.0.0.2/24 dev e",
        "addr add fd00::2/64 dev e nodad"]  # fmt: skip
ROUTES = [
    "route add default via 10.0.0.1 proto static", "route add 10.1.0.0/16 via 10.0.0.1 metric 50 mtu 1400 src 10.0.0.2",
    "route add 10.2.0.0/16 nexthop via 10.0.0.1 weight 2 nexthop dev f", "route add blackhole 10.3.0.0/16",
    "route add unreachable 10.4.0.0/16", "route add prohibit 10.5.0.0/16 table 100", "route add throw 10.6.0.0/16 table 4000000000",
    "route add 10.7.0.1 dev e onlink via 10.99.0.1", "route add 10.8.0.0/16 via inet6 fe80::1 dev e",
    "route add 10.9.0.0/16 tos 0x10 via 10.0.0.1", "nexthop add id 7 via 10.0.0.1 dev e", "route add 10.10.0.0/16 nhid 7",
    "route add 10.11.0.0/16 dev e proto bird scope link", "-6 route add fd01::/64 via fe80::1 dev e",
    "-6 route add fd02::/64 via fe80::1 dev e expires 500 pref high", "-6 route add blackhole fd03::/64 metric 7",
    "-6 route add fd04::/64 nexthop via fe80::1 dev e weight 3 nexthop via fe80::2 dev f", "-6 route add default via fe80::9 dev e",
    "-6 route add fd05::/64 from fd00::/64 via fe80::1 dev e",
]  # fmt: skip
NEIGHBOURS = [
    "neigh add 10.0.0.77 lladdr 02:00:00:00:00:01 dev e", "neigh add 10.0.0.78 lladdr 02:00:00:00:00:02 dev e router nud stale",
    "neigh add fd00::9 lladdr 02:00:00:00:00:02 dev e extern_learn", "neigh add proxy 10.0.0.99 dev e",
    "neigh add 10.0.0.80 dev e nud failed",
]  # fmt: skip
RULES = [
    "rule add from 10.0.0.0/8 table 100", "rule add not to 10.9.0.0/16 table 101", "rule add fwmark 0x10/0xff table main",
    "rule add fwmark 7 iif e oif f table 5 suppress_prefixlength 0", "rule add prio 100 goto 32766", "rule add prio 50 blackhole",
    "rule add ipproto tcp sport 80 dport 1000-2000 table 9", "rule add uidrange 0-99 prohibit", "rule add tos 0x10 unreachable",
    "rule add prio 77 nop from 1.1.1.1", "-6 rule add from fd00::/64 table 300000", "-6 rule add iif gone table 7",
]  # fmt: skip


@pytest.fixture
def inside(world: World) -> World:
    world.add("a")
    for line in [*BASE, *ROUTES, *NEIGHBOURS, *RULES]:
        world.ip("a", *line.split())
    return world


def found(world: World) -> Any:
    (one,) = [one for one in read(Question(show=ALL)) if one.namespace.inode == world.inode("a")]
    return one


def without_clock(lines: list[str]) -> list[str]:
    return [re.sub(r"expires \d+sec", "expires Nsec", line) for line in lines]


def test_the_text_is_what_ip_prints(inside: World) -> None:
    shown = {title: without_clock(lines) for title, lines in iproute.sections(found(inside))}
    for command in ("ip route show table all", "ip neigh", "ip rule", "ip -6 rule"):
        assert shown[command] == without_clock(inside.inside("a", *command.split()).splitlines()), command


def test_statistics_are_what_ip_prints(inside: World) -> None:
    lines = [line for one in found(inside).interfaces for line in iproute.statistics(one)]
    printed = inside.inside("a", "ip", "-s", "-s", "link").splitlines()
    titles = ("    RX", "    TX")
    expected = [line for at, line in enumerate(printed) if line.startswith(titles) or printed[at - 1].startswith(titles)]
    assert [line.split() for line in lines if line.startswith(titles)] == [line.split() for line in expected if line.startswith(titles)]
    assert [len(line) for line in lines] == [len(line) for line in expected]


def test_every_extended_counter_is_ips(inside: World) -> None:
    inside.ip("a", "link", "set", "e", "down")
    ours = {one["name"]: one["extendedStatistics"] for one in document([found(inside)], True)["interfaces"]}
    for link in ip_json(inside.ip("a", "-j", "-s", "-s", "link")):
        rx, tx = link["stats64"]["rx"], link["stats64"]["tx"]
        mine = ours[link["ifname"]]
        assert {"multicast": rx["multicast"], "rxMissedErrors": rx["missed_errors"] if "missed_errors" in rx else mine["rxMissedErrors"],
                "rxLengthErrors": rx["length_errors"], "rxCrcErrors": rx["crc_errors"], "rxFrameErrors": rx["frame_errors"],
                "rxFifoErrors": rx["fifo_errors"], "txAbortedErrors": tx["aborted_errors"], "txFifoErrors": tx["fifo_errors"],
                "txWindowErrors": tx["window_errors"], "txHeartbeatErrors": tx["heartbeat_errors"],
                "carrierChanges": tx["carrier_changes"], "collisions": tx["collisions"]}.items() <= mine.items()  # fmt: skip


def test_routes_are_those_of_ip(inside: World) -> None:
    """Differences: iproute2's `flags` of each next hop, which are the route's where there is one; its nexthop's details."""
    expected = ip_json(inside.ip("a", "-j", "-d", "route", "show", "table", "all"))
    ours = document([found(inside)], True)["routes"]
    assert [_theirs(one) for one in expected] == [_ours(one) for one in ours]


def _theirs(one: dict[str, Any]) -> dict[str, Any]:
    metrics = (one.get("metrics") or [{}])[0]
    return {
        "kind": one["type"], "destination": one["dst"], "gateway": one.get("gateway") or one.get("via", {}).get("host"),
        "device": one.get("dev"), "source": one.get("prefsrc"), "table": one["table"], "protocol": one["protocol"],
        "scope": one["scope"], "metric": one.get("metric"), "mtu": metrics.get("mtu"), "flags": one["flags"],
        "nextHops": [{"gateway": hop.get("gateway"), "device": hop.get("dev"), "weight": hop["weight"]} for hop in one.get("nexthops", [])],
        "origin": one.get("from"), "tos": int(one["tos"], 16) if "tos" in one else None, "nexthopId": one.get("nhid"),
        "preference": one.get("pref"), "expires": "expires" in one,
    }  # fmt: skip


def _ours(one: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in one.items() if key != "family"}, "expires": one["expires"] is not None}


def test_neighbours_are_those_of_ip(inside: World) -> None:
    listed = ip_json(inside.ip("a", "-j", "neigh", "show", "nud", "all")) + ip_json(inside.ip("a", "-j", "neigh", "show", "proxy"))
    expected = [(one["dst"], one["dev"], one.get("lladdr"), tuple(one.get("state", ())), "router" in one, "proxy" in one, "extern_learn" in one)
                for one in listed]  # fmt: skip
    ours = [(one.address, one.device, one.mac, one.states, "router" in one.flags, "proxy" in one.flags, "extern_learn" in one.flags)
            for one in found(inside).neighbours]  # fmt: skip
    # a neighbour that the kernel resolves for itself may come and go between the two readings
    assert sorted(one for one in ours if "NOARP" not in one[3]) == sorted(one for one in expected if "NOARP" not in one[3])


TALK = """
import os, socket, time
a = socket.socket(); a.bind(("10.0.0.2", 80)); a.listen(5)
twice = a.dup()
parent, alive = os.pipe()
if not os.fork():
    os.close(alive); os.read(parent, 1); os._exit(0)  # ends with its parent
b = socket.socket(); b.connect(("10.0.0.2", 80)); c, _ = a.accept(); c.send(b"xxxx")
d = socket.socket(); d.connect(("10.0.0.2", 80)); e, _ = a.accept(); d.close()
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.bind(("::", 53))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(("10.0.0.2", 53))
w = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); w.setsockopt(socket.SOL_SOCKET, 25, b"e"); w.bind(("0.0.0.0", 67))
r = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
p = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
q = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800)); q.bind(("e", 0x800))
m = socket.socket(socket.AF_INET6); m.setsockopt(41, 26, 1); m.bind(("::", 90)); m.listen()
n = socket.socket(socket.AF_INET6); n.bind(("::", 91)); n.listen()
o = socket.socket(socket.AF_INET6); o.connect(("fd00::2", 91)); x, _ = n.accept()
print("ready", flush=True); time.sleep(60)
"""


def at_one_moment(inside: World) -> tuple[list[str], Any]:
    """What ss prints, and what we find between two times that it prints the same: the packet sockets hear what still comes by."""
    for _ in range(50):
        printed, sockets = inside.inside("a", "ss", "-Hn0tuwapO"), found(inside).sockets
        if inside.inside("a", "ss", "-Hn0tuwapO") == printed:
            return printed.splitlines(), sockets
    pytest.fail("ss never prints the same twice")


def test_sockets_are_those_of_ss(inside: World) -> None:
    """Compared as `ss` prints them, its columns' widths apart; some have several owners, and descriptors."""
    process = inside.start("nsenter", f"--net={inside.path('a')}", sys.executable, "-c", TALK, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    printed, sockets = at_one_moment(inside)
    expected = sorted(" ".join([*line.split()[:6], *re.findall(r"users:\(\S+\)", line)]) for line in printed)
    ours = sorted(iproute._socket(one) for one in sockets)
    assert ours == expected and len(ours) >= 15 and any(len(one.processes) > 1 for one in sockets)
    inodes = dict(re.findall(r"pid=(\d+),fd=\d+\)\) .*?ino:(\d+)", "\n".join(inside.inside("a", "ss", "-Hn0tuapeO").splitlines())))
    assert set(inodes.values()) <= {str(one.inode) for one in sockets}


def test_uids_are_told(inside: World) -> None:
    process = inside.start("nsenter", f"--net={inside.path('a')}", "setpriv", "--reuid=1234", "--clear-groups", sys.executable, "-c",
                           "import socket,time\na=socket.socket(); a.bind(('10.0.0.2', 8080)); a.listen(); print('ready', flush=True); time.sleep(60)",
                           stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout and process.stdout.readline() == b"ready\n"
    (one,) = [one for one in found(inside).sockets if one.local_port == 8080]
    assert (one.uid, one.family, one.state) == (1234, "inet", "LISTEN")


def test_nothing_is_read_that_was_not_asked_for(inside: World) -> None:
    (one,) = [one for one in read() if one.namespace.inode == inside.inode("a")]
    assert (one.routes, one.neighbours, one.rules, one.sockets) == (None, None, None, None)
    (one,) = [one for one in read(Question(show=("rules",))) if one.namespace.inode == inside.inode("a")]
    assert (one.routes, one.neighbours, one.sockets) == (None, None, None) and one.rules
