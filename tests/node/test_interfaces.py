"""Every kind of link that this kernel can make, compared field by field with `ip -j -d -s addr` in the same namespace."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests import oracle
from tests.conftest import netns
from tests.node.worlds import World, ip_json, item, sh

WORLDS = {
    "loopback only": [],
    "veth, addresses of all sorts": [
        "link add eth0 type veth peer name far",
        "link set eth0 up", "link set far up",
        "addr add 10.1.0.2/24 brd + dev eth0", "addr add 10.1.0.3/24 dev eth0", "addr add 10.2.0.1 peer 10.2.0.9 dev eth0",
        "addr add 10.3.0.1/32 dev eth0 label eth0:web", "addr add 10.4.0.1/24 dev eth0 scope link",
        "addr add fd00::2/64 dev eth0 nodad", "addr add fd00::3/64 dev eth0 preferred_lft 0 valid_lft forever nodad",
        "addr add fd00::4 peer fd00::5 dev eth0 nodad", "addr add 10.5.0.1/24 dev far noprefixroute",
    ],
    "IPv6 only": ["link add eth0 type veth peer name far", "link set eth0 up", "addr add fd00::2/64 dev eth0 nodad"],
    "no carrier": ["link add eth0 type veth peer name far", "link set eth0 up"],
    "names, groups, sizes": [
        "link add eth0 type veth peer name far", "link set eth0 mtu 9000 txqueuelen 77 group 42",
        "link property add dev eth0 altname uplink altname also-a-long-name-that-no-interface-may-have",
        "link set eth0 alias a-name", "link set eth0 address 02:00:00:00:00:2a",
        "link set far arp off", "link set far promisc on", "link set far multicast off",
    ],
    "bridge": [
        "link add br0 type bridge", "link add p0 type veth peer name p1", "link set p0 master br0", "link set br0 up",
        "link set p0 up", "link set p1 up", "addr add 10.0.0.1/24 dev br0",
    ],
    "macvlan": ["link add eth0 type veth peer name far", "link set eth0 up", "link set far up",
                "link add mv0 link eth0 type macvlan mode private", "link set mv0 up", "addr add 10.0.0.7/24 dev mv0"],
    "macvtap": ["link add eth0 type veth peer name far", "link add tap0 link eth0 type macvtap mode bridge"],
    "vxlan": ["link add vx0 type vxlan id 7 remote 10.9.9.1 local 10.9.9.2 dstport 4789 ttl 5", "link set vx0 up"],
    "vxlan over IPv6": ["link add vx0 type vxlan id 7 remote fd00::1 local fd00::2 dstport 8472"],
    "ifb": ["link add ifb9 type ifb", "link set ifb9 up"],
    "tun": ["tuntap add tun0 mode tun", "link set tun0 up", "addr add 10.8.0.1 peer 10.8.0.2 dev tun0"],
    "tap": ["tuntap add tap0 mode tap", "link set tap0 up"],
    "vlan": ["link add eth0 type veth peer name far", "link add link eth0 name eth0.5 type vlan id 5"],
    "ipvlan": ["link add eth0 type veth peer name far", "link add iv0 link eth0 type ipvlan mode l3"],
    "dummy": ["link add d0 type dummy", "link set d0 up", "addr add 10.0.0.1/8 dev d0"],
    "bond": ["link add bond0 type bond", "link add p0 type veth peer name p1", "link set p0 master bond0"],
    "gre": ["link add g0 type gre remote 10.0.0.1 local 10.0.0.2 key 5"],
    "geneve": ["link add g0 type geneve id 8 remote 10.0.0.1"],
}  # fmt: skip
OPTIONAL = "macvlan macvtap vxlan ifb tun tap vlan ipvlan dummy bond gre geneve".split()


def build(world: World, name: str) -> None:
    world.add("a")
    for line in WORLDS[name]:
        words = line.split()
        try:
            world.ip("a", *words)
        except AssertionError as error:
            if name.split()[0] in OPTIONAL and ("type" in words or words[0] == "tuntap"):
                pytest.skip(f"this kernel makes no {name}: {error}")
            raise


@pytest.mark.parametrize("name", WORLDS)
def test_interfaces_are_those_that_ip_shows(world: World, name: str) -> None:
    build(world, name)
    for _ in range(20):
        before, found, after = shown(world), item(world.inode("a")), shown(world)
        if before == after:
            break
        time.sleep(0.2)  # the kernel's own IPv6 messages still move the counters
    assert before == after
    assert oracle.ours(found["interfaces"], counters=True) == after
    assert found["warnings"] == []


def shown(world: World) -> list[dict[str, Any]]:
    return oracle.interfaces(lambda words: world.inside("a", *words), counters=True)


@pytest.mark.parametrize("name", WORLDS)
def test_output_ip_is_what_ip_addr_prints(world: World, name: str) -> None:
    build(world, name)
    answer = netns("--local", "list", "-o", "ip")
    assert answer.status == 0
    title = f"net:[{world.inode('a')}]\n"
    assert answer.out.partition(title)[2].partition("\n\n")[0].rstrip("\n") == world.inside("a", "ip", "addr").rstrip("\n")


def test_many_interfaces_in_one_namespace(world: World) -> None:
    world.add("a")
    lines = "".join(f"link add v{n} type veth peer name w{n}\n" for n in range(2500))
    sh("ip", "-n", world.name("a"), "-batch", "-", stdin=lines)
    found = item(world.inode("a"))
    assert len(found["interfaces"]) == 5001
    assert oracle.ours(found["interfaces"]) == oracle.interfaces(lambda words: world.inside("a", *words))
    ends = {one["name"]: one["peer"]["name"] for one in found["interfaces"] if one["peer"]}
    assert ends == {f"{a}{n}": f"{b}{n}" for n in range(2500) for a, b in ("vw", "wv")}


def test_parameters_are_those_that_ip_shows(world: World) -> None:
    """`ip -d` shows macvlan's mode and vxlan's ends, which the JSON of `ip addr` has under linkinfo."""
    build(world, "macvlan")
    world.ip("a", *WORLDS["vxlan"][0].split())
    shown_links = ip_json(world.ip("a", "-j", "-d", "link"))
    links = {link["ifname"]: link.get("linkinfo", {}).get("info_data") for link in shown_links}
    found = {one["name"]: one for one in item(world.inode("a"))["interfaces"]}
    assert (found["mv0"]["mode"], found["mv0"]["parent"]) == (links["mv0"]["mode"], "eth0")
    data, tunnel = links["vx0"], found["vx0"]["tunnel"]
    assert tunnel == {"identifier": data["id"], "local": data["local"], "remote": data["remote"], "port": data["port"],
                      "ttl": data["ttl"], "peers": []}  # fmt: skip
