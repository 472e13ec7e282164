"""`-o ip` to the letter; tests/node compares it with what iproute2 prints of real links."""

from __future__ import annotations

import pytest

from kubectl_netns.model import Address
from kubectl_netns.render import ip, iproute
from kubectl_netns.tables import Socket, SocketOwner
from tests.unit.facts import ALL, CONTAINERD, DOCKER, ETH0

EXPECTED = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host\x20
       valid_lft forever preferred_lft forever
2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default\x20
    link/ether fe:f8:da:c5:87:c8 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 10.244.2.14/24 brd 10.244.2.255 scope global eth0
       valid_lft forever preferred_lft forever
    inet6 fe80::fcf8:daff:fec5:87c8/64 scope link\x20
       valid_lft forever preferred_lft forever"""


def test_a_pod() -> None:
    assert ip.addresses([CONTAINERD]) == EXPECTED


def test_several_are_set_apart() -> None:
    text = ip.addresses([CONTAINERD, DOCKER])
    one, other = (f"# {item.node} shop/web-6d5f net:[4026532576]\n{EXPECTED}" for item in (CONTAINERD, DOCKER))
    assert text == f"{one}\n\n{other}"
    unnumbered = DOCKER._replace(namespace=DOCKER.namespace._replace(inode=None, path=None))
    assert "# shop/web-6d5f not to be read\n" in ip.addresses([unnumbered, unnumbered])


@pytest.mark.parametrize(("address", "line"), [
    (Address("inet", "10.0.0.1", 32, "global", peer="10.0.0.2", label="ppp0", flags=("permanent",)),
     "    inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0"),
    (Address("inet6", "fd00::1", 64, "global", flags=("deprecated", "mngtmpaddr"), valid_lifetime=9, preferred_lifetime=0),
     "    inet6 fd00::1/64 scope global deprecated mngtmpaddr dynamic "),
    (Address("inet", "10.0.0.3", 24, "global", label="eth0", flags=("permanent", "secondary")),
     "    inet 10.0.0.3/24 scope global secondary eth0"),
])  # fmt: skip
def test_addresses(address: Address, line: str) -> None:
    assert ip.interface(ETH0._replace(addresses=(address,)), {})[2] == line


@pytest.mark.parametrize(("changes", "start"), [
    ({"name": "eth0.5", "parent": "eth0", "peer": None, "link_nsid": None, "link_index": 9}, "2: eth0.5@eth0: <"),
    ({"link_index": 0}, "2: eth0@NONE: <"),
    ({"peer": None, "link_index": None, "link_nsid": None}, "2: eth0: <"),
])  # fmt: skip
def test_the_name_and_what_it_sits_on(changes: dict[str, object], start: str) -> None:
    assert ip.interface(ETH0._replace(**changes), {})[0].startswith(start)  # type: ignore[arg-type]


def test_a_link_on_one_that_is_down() -> None:
    vlan = ETH0._replace(name="v", parent="eth0", peer=None, link_nsid=None, link_index=9)
    assert "UP,LOWER_UP,M-DOWN>" in ip.interface(vlan, {9: False})[0]
    assert "M-DOWN" not in ip.interface(vlan, {9: True})[0]


def test_altnames_stand_below_the_link() -> None:
    assert ip.interface(ETH0._replace(altnames=("uplink",)), {})[2] == "    altname uplink"


@pytest.mark.parametrize("name", ALL)
def test_whatever_the_facts_the_text_is_printable(name: str) -> None:
    assert all(line.replace("\t", " ").isprintable() for line in ip.addresses([ALL[name]]).split("\n"))


def test_a_sockets_owners_as_ss_tells_them_the_last_first() -> None:
    owners = (SocketOwner(7, "nginx", (6, 8)), SocketOwner(9, "a b\x1b", (6,)))
    one = Socket("tcp", "stream", "inet", "LISTEN", "0.0.0.0", 80, "0.0.0.0", None, None, 77, 0, 0, 128, owners)
    assert iproute._socket(one) == (
        r'tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* users:(("a b\x1b",pid=9,fd=6),("nginx",pid=7,fd=8),("nginx",pid=7,fd=6))')  # fmt: skip
