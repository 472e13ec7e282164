"""rtnetlink's bytes as facts: recorded messages against what `ip -d addr` said of the same links, and hand-built ones."""

from __future__ import annotations

import socket
import struct
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_netns.agent.links import (
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    link_flags,
    nsid_of,
    parse_address,
    read_interfaces,
)
from kubectl_netns.agent.netlink import Netlink, attribute
from kubectl_netns.model import Interface, Tunnel

from .recorded import HOST_LINKS, POD_ADDRESSES, POD_LINKS


class Recorded:
    """A Netlink whose tables are recorded."""

    def __init__(self, links: list[bytes], addresses: list[bytes]) -> None:
        self._tables = {
            RTM_GETLINK: [*((RTM_NEWLINK, link) for link in links), (RTM_NEWLINK + 1, b"no link")],
            RTM_GETADDR: [*((RTM_NEWADDR, address) for address in addresses), (RTM_NEWADDR + 1, b"no address")],
        }

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        return self._tables[kind]


def read(links: list[bytes], addresses: list[bytes] | None = None) -> dict[str, Interface]:
    return {found.name: found for found in read_interfaces(cast(Netlink, Recorded(links, addresses or [])))}


def one(payload: bytes) -> Interface:
    """The only interface of a namespace. Raises ValueError when its message is malformed."""
    (found,) = read_interfaces(cast(Netlink, Recorded([payload], [])))
    return found


def link(*parts: bytes, index: int = 2, flags: int = 0x11043, arp_type: int = 1) -> bytes:
    return struct.pack("=BxHiII", 0, arp_type, index, flags, 0) + b"".join(parts)


def kind(name: str, *data: bytes) -> bytes:
    return attribute(0x8000 | 18, attribute(1, name.encode() + b"\0") + attribute(0x8000 | 2, b"".join(data)))


def name(text: str) -> bytes:
    return attribute(3, text.encode() + b"\0")


def u32(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("=I", value))


RECORDED = [  # what `ip -d addr` printed
    (POD_LINKS["lo"], {
        "index": 1, "name": "lo", "kind": "loopback", "link_type": "loopback", "mac": None, "broadcast": "00:00:00:00:00:00",
        "flags": ("LOOPBACK", "UP", "LOWER_UP"), "mtu": 65536, "qdisc": "noqueue", "operstate": "unknown", "state": "up",
        "queue_length": 1000, "link_index": None, "link_nsid": None,
    }),
    (POD_LINKS["eth0"], {
        "index": 2, "name": "eth0", "kind": "veth", "link_type": "ether", "mac": "02:00:00:00:00:02",
        "broadcast": "ff:ff:ff:ff:ff:ff", "flags": ("BROADCAST", "MULTICAST", "UP", "LOWER_UP"), "mtu": 1450,
        "qdisc": "noqueue", "operstate": "up", "state": "up", "alias": None, "group": 0, "queue_length": 1000,
        "altnames": ("net0", "primary-interface-of-the-pod"), "link_index": 7, "link_nsid": 0,
    }),
    (POD_LINKS["tun0"], {
        "index": 3, "name": "tun0", "kind": "tun", "link_type": "none", "mac": None, "broadcast": None, "mtu": 1500,
        "flags": ("POINTOPOINT", "MULTICAST", "NOARP"), "qdisc": "noop", "operstate": "down", "state": "down",
        "queue_length": 500,
    }),
    (POD_LINKS["mv"], {
        "index": 12, "name": "mv", "kind": "macvlan", "mac": "02:00:00:00:00:0c", "flags": ("BROADCAST", "MULTICAST"),
        "state": "down", "link_index": 2, "link_nsid": None,
    }),
    (HOST_LINKS["cni0"], {
        "index": 3, "name": "cni0", "kind": "bridge", "mac": "02:00:00:00:00:07", "state": "up", "mtu": 1450, "link_index": None,
    }),
    (HOST_LINKS["veth1a2b"], {
        "index": 7, "name": "veth1a2b", "kind": "veth", "mac": "02:00:00:00:00:07", "alias": "to pod web", "group": 7,
        "state": "up", "link_index": 2, "link_nsid": 0,
    }),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "expected"), RECORDED, ids=[str(expected["name"]) for _, expected in RECORDED])
def test_recorded_links(payload: bytes, expected: dict[str, Any]) -> None:
    found = one(payload)._asdict()
    assert {key: found[key] for key in expected} == expected


def test_the_two_ends_of_a_wire_counted_the_same_packets() -> None:
    pod, host = (one(payload).statistics for payload in (POD_LINKS["eth0"], HOST_LINKS["veth1a2b"]))
    assert pod and host
    assert (pod.rx_bytes, pod.rx_packets, pod.tx_bytes, pod.tx_packets) == (1220, 14, 762, 7)
    assert (host.tx_bytes, host.tx_packets, host.rx_bytes, host.rx_packets) == (1220, 14, 762, 7)


def test_masters_parents_and_order_are_resolved() -> None:
    pod = read(list(reversed(POD_LINKS.values())), list(POD_ADDRESSES.values()))
    host = read([*HOST_LINKS.values()])
    assert list(pod) == ["lo", "eth0", "tun0", "mv"]
    assert [found.address for found in pod["lo"].addresses] == ["127.0.0.1", "::1"]
    assert [found.address for found in pod["eth0"].addresses] == list(POD_ADDRESSES)[1:4] + list(POD_ADDRESSES)[5:]
    assert [pod["mv"].parent, pod["eth0"].parent, pod["eth0"].master] == ["eth0", None, None]
    assert [host["veth1a2b"].master, host["cni0"].master] == ["cni0", None]
    assert {found.peer for found in [*pod.values(), *host.values()]} == {None}


GLOBAL = {"scope": "global", "peer": None, "valid_lifetime": None, "preferred_lifetime": None}
ADDRESSES = {  # what `ip -d addr` printed; each with its ifindex and the set of its flags
    "127.0.0.1": (1, {"permanent"}, {"family": "inet", "prefix_length": 8, "scope": "host", "label": "lo", "broadcast": None}),
    "::1": (1, {"permanent"}, {"family": "inet6", "prefix_length": 128, "scope": "host", "protocol": "kernel_lo"}),
    "10.244.2.14": (2, {"permanent"}, {
        **GLOBAL, "family": "inet", "prefix_length": 24, "broadcast": "10.244.2.255", "label": "eth0",
    }),
    "10.9.0.1": (2, {"permanent"}, {"prefix_length": 32, "scope": "link", "peer": "10.9.0.2", "label": "eth0"}),
    "fd00::e": (2, {"permanent", "nodad"}, {**GLOBAL, "family": "inet6", "prefix_length": 64, "label": None, "protocol": None}),
    "fd00::f": (2, {"deprecated", "noprefixroute"}, {"scope": "global", "valid_lifetime": 7197, "preferred_lifetime": 0}),
    "fe80::ff:fe00:2": (2, {"permanent"}, {**GLOBAL, "scope": "link", "prefix_length": 64, "protocol": "kernel_ll"}),
}  # fmt: skip


@pytest.mark.parametrize("text", ADDRESSES)
def test_recorded_addresses(text: str) -> None:
    number, flags, expected = ADDRESSES[text]
    index, address = parse_address(POD_ADDRESSES[text])
    found = address._asdict() if address else {}
    assert (index, found["address"], set(found["flags"])) == (number, text, flags)
    assert {key: found[key] for key in expected} == expected


def test_a_second_address_with_a_label_and_lifetimes() -> None:
    _, address = parse_address(POD_ADDRESSES["10.244.2.15"])
    assert address
    assert (address.label, address.valid_lifetime, address.preferred_lifetime) == ("eth0:1", 3597, 597)
    assert "permanent" not in address.flags


def test_a_second_ipv4_address_is_secondary() -> None:
    _, address = parse_address(POD_ADDRESSES["10.244.2.15"])
    assert address and address.flags == ("secondary",)


def address(family: int, *parts: bytes, prefix: int = 64, flags: int = 0, scope: int = 0, index: int = 2) -> bytes:
    return struct.pack("=BBBBI", family, prefix, flags, scope, index) + b"".join(parts)


FE80 = socket.inet_pton(socket.AF_INET6, "fe80::1")
V4 = bytes((10, 0, 0, 1))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (address(10, attribute(1, FE80), u32(8, 0x145), flags=0x80), {"flags": ("temporary", "optimistic", "tentative",
                                                                                "mngtmpaddr")}),
        (address(10, attribute(1, FE80), flags=0x08), {"flags": ("dadfailed",)}),
        (address(10, attribute(1, FE80), u32(8, 0), flags=0x80), {"flags": ()}),
        (address(10, attribute(1, FE80), scope=200), {"scope": "site"}),
        (address(10, attribute(1, FE80), scope=77), {"scope": "77"}),
        (address(10, attribute(1, FE80), attribute(11, b"\x02")), {"protocol": "kernel_ra"}),
        (address(10, attribute(1, FE80), attribute(11, b"\x63")), {"protocol": "99"}),
        (address(10, attribute(1, FE80), attribute(11, b"\0")), {"protocol": None}),
        (address(2, attribute(2, V4)), {"address": "10.0.0.1", "peer": None}),
        (address(2, attribute(1, V4), attribute(6, b"\0" * 8)), {"valid_lifetime": None, "preferred_lifetime": None}),
        (address(2, attribute(1, V4), attribute(6, struct.pack("=4I", 0xFFFFFFFF, 5, 0, 0))),
         {"valid_lifetime": 5, "preferred_lifetime": None}),
    ],
)  # fmt: skip
def test_hand_built_addresses(payload: bytes, expected: dict[str, Any]) -> None:
    _, found = parse_address(payload)
    assert found and {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize("payload", [address(7), address(28, attribute(1, V4)), address(2), address(10, attribute(4, V4))])
def test_what_is_no_ip_address_is_left_out(payload: bytes) -> None:
    assert parse_address(payload) == (2, None)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (link(), {"name": "if2", "kind": "physical", "mtu": 0, "mac": None, "statistics": None, "qdisc": None,
                  "group": 0, "extended_statistics": None}),
        (link(kind("netkit"), u32(5, 9), u32(37, 1), arp_type=65534), {"kind": "netkit", "link_index": 9, "link_nsid": 1}),
        (link(kind("veth"), u32(37, 0)), {"link_index": None, "link_nsid": 0}),
        (link(attribute(37, b"\xff" * 4)), {"link_nsid": -1}),
        (link(attribute(16, b"\x05")), {"operstate": "dormant", "state": "dormant"}),
        (link(attribute(16, b"\x63")), {"operstate": "unknown", "state": "up"}),
        (link(attribute(16, b"")), {"operstate": "unknown", "state": "up"}),
        (link(flags=0x1), {"operstate": "unknown", "state": "down"}),
        (link(flags=0x10000), {"operstate": "unknown", "state": "down"}),
        (link(attribute(16, b"\x03"), flags=0x1), {"operstate": "lowerlayerdown", "state": "lowerlayerdown"}),
        (link(attribute(1, V4), attribute(2, bytes(4)), kind("ipip"), arp_type=768),
         {"link_type": "ipip", "mac": "10.0.0.1", "broadcast": "0.0.0.0"}),
        (link(attribute(1, FE80), arp_type=769), {"link_type": "tunnel6", "mac": "fe80::1"}),
        (link(attribute(1, bytes(range(20))), arp_type=32),
         {"link_type": "infiniband", "mac": bytes(range(20)).hex(":")}),
        (link(attribute(1, V4), arp_type=1), {"mac": "0a:00:00:01"}),
        (link(arp_type=519), {"link_type": "[519]"}),
        (link(attribute(1, b""), attribute(2, b"")), {"mac": None, "broadcast": None}),
        (link(kind("vlan", attribute(1, struct.pack("=H", 5)))), {"kind": "vlan", "vlan_id": 5, "mode": None, "tunnel": None}),
        (link(kind("vlan", attribute(1, struct.pack("=H", 6)))), {"kind": "vlan", "vlan_id": 6}),
        (link(kind("macvlan", u32(1, 4))), {"kind": "macvlan", "vlan_id": None, "mode": "bridge"}),
        (link(kind("ipip", attribute(2, V4))), {"kind": "ipip", "tunnel": Tunnel(None, "10.0.0.1", None, None, None)}),
        (link(attribute(20, b"two\nlines\xff\0")), {"alias": "two\nlines\udcff"}),
        (link(attribute(23, b"\0" * 63)), {"statistics": None}),
        (link(attribute(4, b"\xdc\x05")), {"mtu": 0}),
    ],
)  # fmt: skip
def test_hand_built_links(payload: bytes, expected: dict[str, Any]) -> None:
    found = one(payload)
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("counted", "parts", "expected"),
    [
        (25, [u32(35, 7)], (9, 23, 24, 25, 7)),
        (24, [u32(35, 7)], (9, 23, 24, None, 7)),
        (23, [], (9, 23, None, None, None)),
        (22, [u32(35, 7)], None),
    ],
)
def test_extended_statistics(counted: int, parts: list[bytes], expected: tuple[int | None, ...] | None) -> None:
    """The counters are numbered from 1 on; an older kernel has fewer."""
    payload = link(attribute(23, struct.pack(f"={counted}Q", *range(1, counted + 1))), *parts)
    (found,) = read_interfaces(cast(Netlink, Recorded([payload], [])), extended=True)
    more = found.extended_statistics
    assert one(payload).extended_statistics is None
    assert (
        more and (more.multicast, more.tx_compressed, more.rx_nohandler, more.rx_otherhost_dropped, more.carrier_changes)
    ) == expected


ETH0 = link(name("eth0"), index=2)
PARENTS = [
    ([ETH0, link(name("eth0.5"), kind("vlan"), u32(5, 2), index=3)], "eth0.5", "eth0"),
    ([ETH0, link(name("iv0"), kind("ipvlan"), u32(5, 2), index=3)], "iv0", "eth0"),
    ([ETH0, link(name("mv0"), kind("macvlan"), u32(5, 2), u32(37, 0), index=3)], "mv0", "if2"),
    ([ETH0, link(name("mv0"), kind("macvlan"), u32(5, 8), index=3)], "mv0", "if8"),
    ([ETH0, link(name("mv0"), kind("macvlan"), u32(5, 3), index=3)], "mv0", None),
    ([ETH0, link(name("vx"), kind("vxlan"), index=3)], "vx", None),
    ([ETH0, link(name("gre0"), kind("gre"), u32(5, 0), index=3, arp_type=778)], "gre0", None),
    ([ETH0, link(name("va"), kind("veth"), u32(5, 2), index=3)], "va", None),
    ([ETH0, link(name("nk"), kind("netkit"), u32(5, 2), index=3)], "nk", None),
]


@pytest.mark.parametrize(("links", "which", "parent"), PARENTS)
def test_what_an_interface_sits_on(links: list[bytes], which: str, parent: str | None) -> None:
    assert read(links)[which].parent == parent


def test_a_master_in_no_table_keeps_its_number() -> None:
    assert read([link(name("eth0"), u32(10, 44))])["eth0"].master == "44"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (0x0, ""),
        (0x1, "NO-CARRIER UP"),
        (0x41, "UP"),
        (0x40, ""),
        (0x1003, "NO-CARRIER BROADCAST MULTICAST UP"),
        (0x11843, "BROADCAST MULTICAST SLAVE UP LOWER_UP"),
        (0x515 | 0x40, "POINTOPOINT PROMISC MASTER DEBUG UP"),
        (0x30000, "LOWER_UP DORMANT"),
    ],
)
def test_link_flags_are_iproute2s(flags: int, words: str) -> None:
    assert link_flags(flags) == tuple(words.split())


@pytest.mark.parametrize(("nsid", "expected"), [(0, 0), (3, 3), (-1, None), (None, None)])
def test_a_namespaces_number(nsid: int | None, expected: int | None) -> None:
    class Answering:
        def get(self, kind: int, body: bytes) -> tuple[int, bytes]:
            assert (kind, body) == (90, b"\0" * 4 + u32(3, 17))
            return 88, b"\0" * 4 + (b"" if nsid is None else attribute(1, struct.pack("=i", nsid)))

    assert nsid_of(cast(Netlink, Answering()), 17) == expected


@pytest.mark.parametrize("short", [b"", b"\0" * 3, b"\0" * 4 + struct.pack("=HH", 8, 1)])
def test_a_malformed_number_is_refused(short: bytes) -> None:
    class Answering:
        def get(self, kind: int, body: bytes) -> tuple[int, bytes]:
            return 88, short

    with pytest.raises(ValueError, match="netlink"):
        nsid_of(cast(Netlink, Answering()), 17)


@pytest.mark.parametrize("payload", [*POD_LINKS.values(), *HOST_LINKS.values()])
def test_a_link_cut_at_any_byte_is_read_or_refused(payload: bytes) -> None:
    for length in range(0, len(payload), 3):
        try:
            one(payload[:length])
        except ValueError:
            pass


@pytest.mark.parametrize("short", [b"", b"\0" * 15, link(struct.pack("=HH", 8, 3))])
def test_a_malformed_link_is_refused(short: bytes) -> None:
    with pytest.raises(ValueError, match="netlink"):
        one(short)


@pytest.mark.parametrize("short", [b"", b"\x02" * 7, address(2, struct.pack("=HH", 9, 1)), address(2, attribute(1, b"abc")),
                                   address(2, attribute(2, b"")), address(2, attribute(1, V4), attribute(2, b""))])  # fmt: skip
def test_a_malformed_address_is_refused(short: bytes) -> None:
    with pytest.raises(ValueError):
        parse_address(short)


attributes_of_any_sort = st.lists(st.builds(attribute, st.integers(0, 60), st.binary(max_size=24)), max_size=5).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.builds(link, attributes_of_any_sort)))
def test_arbitrary_bytes_are_a_link_or_refused(data: bytes) -> None:
    try:
        assert isinstance(one(data), Interface)
    except ValueError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.builds(address, st.sampled_from([2, 10, 7]), attributes_of_any_sort)))
def test_arbitrary_bytes_are_an_address_or_refused(data: bytes) -> None:
    try:
        parse_address(data)
    except ValueError:
        pass
