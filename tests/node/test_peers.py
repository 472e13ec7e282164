"""The two ends of a veth, wherever they are, compared from both sides with what `ip -j -d link` and `bridge -j link` show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from kubectl_netns.agent import netlink
from kubectl_netns.agent.visit import Visit, Visitor
from tests.node.worlds import World, ip_json, item, read, sh


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in found["interfaces"]}


def host_inode() -> int:
    return next(one.namespace.inode for one in read() if one.role == "host") or 0


def test_a_peer_on_the_host_s_bridge(world: World) -> None:
    world.add("a")
    outside, bridge = world.veth_to_host("a"), world.host_link("br")
    sh("ip", "link", "add", bridge, "type", "bridge")
    sh("ip", "link", "set", outside, "master", bridge)
    found = item(world.inode("a"))
    (link,) = ip_json(sh("ip", "-j", "-d", "link", "show", outside))
    masters = {one["ifname"]: one["master"] for one in json.loads(sh("bridge", "-j", "link")) if "master" in one}
    peer = by_name(found)["eth0"]["peer"]
    assert (peer["index"], peer["name"], peer["onHost"], peer["inode"]) == (link["ifindex"], outside, True, host_inode())
    assert peer["master"] == masters[outside] == bridge
    assert link["link_netnsid"] == found["namespace"]["nsid"]
    back = by_name(item(host_inode()))[outside]["peer"]
    assert (back["inode"], back["name"], back["onHost"]) == (world.inode("a"), "eth0", False)


def test_a_peer_in_the_same_namespace(world: World) -> None:
    world.add("a")
    world.ip("a", "link", "add", "x", "type", "veth", "peer", "name", "y")
    found = by_name(item(world.inode("a")))
    assert (found["x"]["peer"]["name"], found["x"]["peer"]["inode"]) == ("y", world.inode("a"))
    assert (found["y"]["peer"]["name"], found["y"]["peer"]["onHost"]) == ("x", False)


def test_a_peer_in_a_third_namespace_with_the_same_index(world: World) -> None:
    """Both ends are index 2, where older kernels leave out IFLA_LINK."""
    world.add("a", "b")
    world.ip("a", "link", "add", "left", "type", "veth", "peer", "name", "right", "netns", world.name("b"))
    left, right = by_name(item(world.inode("a")))["left"], by_name(item(world.inode("b")))["right"]
    assert left["index"] == right["index"] == 2
    assert (left["peer"]["inode"], left["peer"]["name"], left["peer"]["onHost"]) == (world.inode("b"), "right", False)
    assert (right["peer"]["inode"], right["peer"]["name"]) == (world.inode("a"), "left")


def test_many_pairs_with_equal_indexes_are_not_confused(world: World) -> None:
    """Pods of one node all look alike: eth0 is index 2 everywhere, and third namespaces pair up with equal numbers."""
    names = [f"p{number}" for number in range(6)]
    world.add(*names)
    outside = {name: world.veth_to_host(name) for name in names}
    for one, other in zip(names[::2], names[1::2]):
        world.ip(one, "link", "add", "side", "type", "veth", "peer", "name", "side", "netns", world.name(other))
    found = {name: by_name(item(world.inode(name))) for name in names}
    assert {name: found[name]["eth0"]["peer"]["name"] for name in names} == outside
    partners = {**dict(zip(names[::2], names[1::2])), **dict(zip(names[1::2], names[::2]))}
    assert {name: found[name]["side"]["peer"]["inode"] for name in names} == {
        name: world.inode(partners[name]) for name in names
    }


def test_a_routed_pod_without_a_bridge(world: World) -> None:
    """Calico's shape: a /32 inside, and on the host a route to it through the veth."""
    world.add("a")
    outside = world.veth_to_host("a")
    world.ip("a", "addr", "add", "198.51.100.7/32", "dev", "eth0")
    world.ip("a", "addr", "add", "2001:db8::7/128", "dev", "eth0", "nodad")
    sh("ip", "route", "add", "198.51.100.7/32", "dev", outside, "scope", "link")
    sh("ip", "-6", "route", "add", "2001:db8::7/128", "dev", outside)
    sh("ip", "route", "add", "198.51.100.128/25", "dev", outside, "scope", "link")
    peer = by_name(item(world.inode("a")))["eth0"]["peer"]
    (via,) = ip_json(sh("ip", "-j", "route", "get", "198.51.100.7"))
    assert (peer["name"], peer["master"], peer["routes"]) == (via["dev"], None, ["198.51.100.7", "2001:db8::7"])


HIDDEN = """
import array, ctypes, os, socket, sys, time
libc = ctypes.CDLL(None)
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
home = os.open("/proc/self/ns/net", os.O_RDONLY)
libc.unshare(0x40000000)
away = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
os.system(f"ip link add far type veth peer name {sys.argv[1]} netns {sys.argv[2]}")
near.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [away]))])
libc.setns(home, 0x40000000)
os.close(away)
os.close(home)
print("ready", flush=True)
time.sleep(60)
"""


def hide(world: World, link: str, namespace: str) -> None:
    """A namespace that is held by nothing but a descriptor on its way through a socket, and a veth out of it."""
    process = world.start(sys.executable, "-c", HIDDEN, link, namespace, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"


def test_a_peer_in_a_namespace_that_cannot_be_found(world: World) -> None:
    world.add("a")
    hide(world, "near", world.name("a"))
    near = by_name(item(world.inode("a")))["near"]
    assert (near["peer"]["inode"], near["peer"]["name"], near["peer"]["index"]) == (None, None, 2)
    assert near["linkNsid"] == near["peer"]["nsid"] is not None


def test_a_namespace_that_is_known_by_number_only(world: World) -> None:
    link = world.host_link("n")
    hide(world, link, str(os.getpid()))
    (outside,) = ip_json(sh("ip", "-j", "-d", "link", "show", link))
    (hidden,) = [one for one in read() if one.namespace.nsid == outside["link_netnsid"]]
    assert (hidden.namespace.inode, hidden.namespace.held_by, hidden.role) == (None, ("nsid",), "unknown")
    peer = by_name(item(host_inode()))[link]["peer"]
    assert (peer["inode"], peer["name"], peer["nsid"], peer["onHost"]) == (None, None, outside["link_netnsid"], False)


def test_looking_gives_no_numbers_away(world: World) -> None:
    """Dumping links makes the kernel number what they lead to; the host's own numbers stay as a first look left them."""
    world.add("a", "b")
    world.veth_to_host("a")
    world.ip("a", "link", "add", "side", "type", "veth", "peer", "name", "side", "netns", world.name("b"))
    read()
    before = sh("ip", "netns", "list-id")
    read()
    assert sh("ip", "netns", "list-id") == before


@pytest.mark.parametrize("old", [False, True], ids=["this kernel", "before 4.20"])
def test_only_the_main_tables_route_names_the_interface(world: World, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    """Calico's shape. A kernel that knows no strict checking says so, and then gives the routes of every table."""
    if old:
        monkeypatch.setattr(netlink, "NETLINK_GET_STRICT_CHK", 9999)
    world.add("a", "b")
    for number, name in enumerate("ab", 1):
        outside = world.veth_to_host(name)
        world.ip(name, "addr", "add", f"198.18.77.{number}/32", "dev", "eth0")
        table = ["table", "7777"] if name == "b" else []
        sh("ip", "route", "add", f"198.18.77.{number}/32", "dev", outside, *table)
    routes = {name: by_name(item(world.inode(name)))["eth0"]["peer"]["routes"] for name in "ab"}
    assert routes == {"a": ["198.18.77.1"], "b": []}


def test_a_pod_that_starts_after_the_host_was_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its veth is not among the host's links yet; they are read once more before it is called unconfirmed."""
    world.add("a")
    host = Visitor.host
    made: list[str] = []

    def late(visitor: Visitor) -> Visit:
        looked = host(visitor)
        if not made:
            made.append(world.veth_to_host("a"))
        return looked

    monkeypatch.setattr(Visitor, "host", late)
    peer = by_name(item(world.inode("a")))["eth0"]["peer"]
    assert (peer["name"], peer["onHost"]) == (made[0], True)
