"""Joining the ends of wires, as a table of small worlds: namespaces with their numbers, interfaces with what they point at."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from kubectl_netns.agent.enter import Key
from kubectl_netns.agent.peers import join, routed, unbridged
from kubectl_netns.agent.visit import Visit
from kubectl_netns.model import Address, Interface, Peer

HOST, POD, OTHER, THIRD = 1, 2, 3, 4
"""Inodes."""


def link(index: int, far: int | None = None, nsid: int | None = None, kind: str = "veth", master: str | None = None) -> Interface:
    """An interface named after its index that points at index `far` in the namespace that its own one calls `nsid`."""
    return Interface(
        index=index, name=f"if{index}", kind=kind, state="up", flags=(), mtu=1500, mac=None, altnames=(), alias=None,
        addresses=(), master=master, parent=None, peer=None, statistics=None, link_index=far, link_nsid=nsid,
    )  # fmt: skip


def namespace(inode: int, *links: Interface, nsid: int | None = None, host_nsid: int | None = None) -> Visit:
    return Visit((4, inode), links, nsid, host_nsid)


def end(inode: int, index: int, nsid: int | None, master: str | None = None) -> Peer:
    return Peer(inode, index, f"if{index}", master, inode == HOST, nsid)


def unconfirmed(index: int, nsid: int | None, on_host: bool | None) -> Peer:
    return Peer(None, index, None, None, on_host, nsid)


@dataclass
class World:
    """`numbers` (a, b): the nsid by which a knows b; `peers` by (inode, ifindex), where None is expected of all others."""

    host: Visit
    others: list[Visit]
    peers: dict[tuple[int, int], Peer]
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)


WORLDS = {
    "on-the-host": World(
        namespace(HOST, link(7, 2, 0, master="cni0"), link(3, kind="bridge")),
        [namespace(POD, link(1, kind="loopback"), link(2, 7, 5), nsid=0, host_nsid=5)],
        {(POD, 2): end(HOST, 7, 5, "cni0"), (HOST, 7): end(POD, 2, 0)},
    ),
    "netkit": World(
        namespace(HOST, link(7, 2, 0, kind="netkit")),
        [namespace(POD, link(2, 7, 0, kind="netkit"), nsid=0, host_nsid=0)],
        {(POD, 2): end(HOST, 7, 0), (HOST, 7): end(POD, 2, 0)},
    ),
    "two-pods-with-equal-indices": World(
        namespace(HOST, link(7, 2, 0), link(8, 2, 1)),
        [namespace(POD, link(2, 7, 0), nsid=0, host_nsid=0), namespace(OTHER, link(2, 8, 0), nsid=1, host_nsid=0)],
        {(HOST, 7): end(POD, 2, 0), (HOST, 8): end(OTHER, 2, 1), (POD, 2): end(HOST, 7, 0), (OTHER, 2): end(HOST, 8, 0)},
    ),
    "same-namespace": World(
        namespace(HOST, link(2, 3), link(3, 2)),
        [namespace(POD, link(2, 3), link(3, 2, master="br0"))],
        {(HOST, 2): end(HOST, 3, None), (HOST, 3): end(HOST, 2, None),
         (POD, 2): end(POD, 3, None, "br0"), (POD, 3): end(POD, 2, None)},
    ),
    "two-namespaces-off-the-host": World(
        namespace(HOST),
        [namespace(POD, link(2, 9, 4), nsid=0, host_nsid=0), namespace(OTHER, link(9, 2, 6), nsid=1, host_nsid=1)],
        {(POD, 2): end(OTHER, 9, 4), (OTHER, 9): end(POD, 2, 6)},
        {(POD, OTHER): 4, (OTHER, POD): 6},
    ),
    "the-host-numbers-none-of-them": World(
        namespace(HOST),
        [namespace(POD, link(2, 9, 4)), namespace(OTHER, link(9, 2, 6))],
        {(POD, 2): end(OTHER, 9, 4), (OTHER, 9): end(POD, 2, 6)},
        {(POD, OTHER): 4, (OTHER, POD): 6},
    ),
    "one-of-two-lookalikes": World(
        namespace(HOST),
        [namespace(POD, link(2, 9, 4)), namespace(OTHER, link(9, 2, 6)), namespace(THIRD, link(9, 2, 6))],
        {(POD, 2): end(THIRD, 9, 4), (THIRD, 9): end(POD, 2, 6), (OTHER, 9): unconfirmed(2, 6, False)},
        {(POD, THIRD): 4, (THIRD, POD): 6},
    ),
    "strangers-that-share-index-and-number": World(
        namespace(HOST, link(7, 2, 0)),
        [namespace(POD, link(2, 7, 0), nsid=3, host_nsid=9), namespace(OTHER, link(2, 8, 0), nsid=0, host_nsid=0)],
        {(HOST, 7): unconfirmed(2, 0, False), (POD, 2): unconfirmed(7, 0, False), (OTHER, 2): unconfirmed(8, 0, True)},
    ),
    "pointing-at-another-number": World(
        namespace(HOST, link(7, 2, 0)),
        [namespace(POD, link(2, 7, 1), nsid=0, host_nsid=5)],
        {(HOST, 7): unconfirmed(2, 0, False), (POD, 2): unconfirmed(7, 1, False)},
    ),
    "not-pointing-back": World(
        namespace(HOST, link(7, 3, 0)),
        [namespace(POD, link(2, 7, 0), link(3, 8, 0), nsid=0, host_nsid=0)],
        {(HOST, 7): unconfirmed(3, 0, False), (POD, 2): unconfirmed(7, 0, True), (POD, 3): unconfirmed(8, 0, True)},
    ),
    "not-pointing-back-here": World(
        namespace(HOST, link(2, 3), link(3, 4), link(4, 3)),
        [],
        {(HOST, 2): unconfirmed(3, None, True), (HOST, 3): end(HOST, 4, None), (HOST, 4): end(HOST, 3, None)},
    ),
    "no-number-for-the-way-back": World(
        namespace(HOST),
        [namespace(POD, link(2, 9, 4)), namespace(OTHER, link(9, 2, 6))],
        {(POD, 2): unconfirmed(9, 4, False), (OTHER, 9): unconfirmed(2, 6, False)},
        {(POD, OTHER): 4},
    ),
    "gone-from-the-host": World(
        namespace(HOST),
        [namespace(POD, link(2, 7, 5), nsid=0, host_nsid=5)],
        {(POD, 2): unconfirmed(7, 5, True)},
    ),
    "in-a-namespace-that-was-not-visited": World(
        namespace(HOST, link(7, 2, 3)),
        [namespace(POD, link(2, 9, 4), nsid=0, host_nsid=5)],
        {(HOST, 7): unconfirmed(2, 3, False), (POD, 2): unconfirmed(9, 4, False)},
    ),
    "equal-indices-without-IFLA_LINK": World(
        namespace(HOST, link(2, None, 0)),
        [namespace(POD, link(2, None, 5), nsid=0, host_nsid=5)],
        {(HOST, 2): end(POD, 2, 0), (POD, 2): end(HOST, 2, 5)},
    ),
    "equal-indices-off-the-host": World(
        namespace(HOST),
        [namespace(POD, link(2, None, 4)), namespace(OTHER, link(2, None, 6))],
        {(POD, 2): end(OTHER, 2, 4), (OTHER, 2): end(POD, 2, 6)},
        {(POD, OTHER): 4, (OTHER, POD): 6},
    ),
    "no-end-at-all": World(namespace(HOST, link(2)), [namespace(POD, link(2), nsid=0, host_nsid=0)], {}),
    "a-parent-is-no-peer": World(
        namespace(HOST, link(7, 2, 0)),
        [namespace(POD, link(2, 7, 0, kind="macvlan"), link(3, 7, 0, kind="ipvlan"), link(4, 3, kind="vlan"),
                   nsid=0, host_nsid=0)],
        {(HOST, 7): unconfirmed(2, 0, False)},
    ),
    "a-parent-in-place-of-the-end": World(
        namespace(HOST, link(7, 2, 0, kind="macvlan")),
        [namespace(POD, link(2, 7, 0), nsid=0, host_nsid=0)],
        {(POD, 2): unconfirmed(7, 0, True)},
    ),
}  # fmt: skip


def joined(world: World) -> dict[tuple[int, int], Peer | None]:
    def number(here: Key, there: Key) -> int | None:
        return world.numbers.get((here[1], there[1]))

    found = join(world.host, world.others, number)
    assert list(found) == [visit.key for visit in (world.host, *world.others)]
    return {(key[1], one.index): one.peer for key, links in found.items() for one in links}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_join(world: World) -> None:
    assert {where: peer for where, peer in joined(world).items() if peer} == world.peers


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_what_is_joined_is_joined_both_ways(world: World) -> None:
    found = joined(world)
    for (inode, index), peer in found.items():
        if peer and peer.name:
            back = found[peer.inode or 0, peer.index]
            assert back and (back.inode, back.index) == (inode, index)


def test_only_pairs_off_the_host_are_asked_for() -> None:
    def number(here: Key, there: Key) -> int | None:
        pytest.fail("the numbers at hand were enough")

    for name in ("on-the-host", "two-pods-with-equal-indices", "same-namespace", "equal-indices-without-IFLA_LINK"):
        join(WORLDS[name].host, WORLDS[name].others, number)


@pytest.mark.parametrize(
    "world",
    [
        World(
            namespace(HOST, link(7, 2, 0)),
            [namespace(POD, link(2, 7), link(7, 2), nsid=0, host_nsid=None)],
            {(HOST, 7): unconfirmed(2, 0, False), (POD, 2): end(POD, 7, None), (POD, 7): end(POD, 2, None)},
        ),
        World(
            namespace(HOST),
            [namespace(POD, link(2, 9, 4)), namespace(OTHER, link(9, 2), link(2, 9))],
            {(POD, 2): unconfirmed(9, 4, False), (OTHER, 9): end(OTHER, 2, None), (OTHER, 2): end(OTHER, 9, None)},
            {(POD, OTHER): 4},
        ),
    ],
    ids=["host", "off-the-host"],
)
def test_an_end_within_its_own_namespace_does_not_point_back(world: World) -> None:
    assert {where: peer for where, peer in joined(world).items() if peer} == world.peers


GLOBAL = (Address("inet", "10.244.2.14", 32, "global"), Address("inet6", "fd00::14", 128, "global"), Address("inet6", "fe80::1", 64, "link"))


@pytest.mark.parametrize(("peer", "leading"), [
    (end(HOST, 7, 0), ("10.244.2.14", "10.244.2.0/24", "fd00::14")),
    (end(HOST, 7, 0, "cni0"), ()),
    (end(OTHER, 7, 0), ()),
    (end(HOST, 8, 0), ()),
    (unconfirmed(7, 0, True), ()),
])  # fmt: skip
def test_the_hosts_routes_that_lead_to_a_pod(peer: Peer, leading: tuple[str, ...]) -> None:
    """Not its default route, nor the link-local one that every interface has."""
    through = {"if7": ["default", "10.244.2.14", "10.244.2.0/24", "10.9.0.0/16", "fe80::/64", "fe80::/10", "fd00::14", "fd01::/64"],
               "": ["10.244.2.14"]}  # fmt: skip
    (one,) = routed((link(2, 7, 0)._replace(addresses=GLOBAL, peer=peer),), through)
    assert one.peer is not None and one.peer.routes == leading
    assert unbridged((one,)) is bool(leading or peer.index == 8)
