"""Cards and tables: a few to the letter, and for all that nothing is lost and nothing reaches the terminal but text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.model import Namespace, Warning
from kubectl_netns.render import table
from kubectl_netns.render.safe import safe
from tests.unit.facts import (
    ALL,
    CONTAINERD,
    DOCKER,
    ETH0,
    HOST,
    HOST_POD,
    INFERRED,
    NAMED,
    NUMBERED,
    ORPHAN,
    PLAIN,
    SOUGHT,
    STALE,
    TUNNELS,
)

CARD = """\
Pod        shop/web-6d5f            10.244.2.14
Node       node-b                   containerd 1.6.20, linux/amd64
Sandbox    3f1c3f1c3f1c…            ready, pause pid 4711
Namespace  /run/netns/cni-26d4bfd1  net:[4026532576]

#  NAME  KIND      STATE  MTU    MAC                ADDRESSES                    HOST SIDE
1  lo    loopback  up     65536  -                  127.0.0.1/8 ::1/128          -
2  eth0  veth      up     1500   fe:f8:da:c5:87:c8  10.244.2.14/24 fe80::fcf8…/64  veth1a2b3c4d (7) on cni0"""
LISTING = """\
INODE       ROLE   OWNER            VERDICT  HELD BY        PID   INTERFACES          ADDRESSES
4026531840  host   the node itself  owned    process        1     cni0                10.244.2.14
4026532576  pod    shop/web-6d5f    owned    process,mount  4711  eth0→veth1a2b3c4d   10.244.2.14
4026532600  named  blue             owned    mount          -     -                   -
-           named  gone             stale    -              -     -                   -"""


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_card() -> None:
    assert words(table.cards([CONTAINERD], wide=False)) == words(CARD)


def test_a_listing() -> None:
    assert words(table.listing([HOST, CONTAINERD, NAMED._replace(node="node-b"), STALE], wide=False)) == words(LISTING)


def test_columns_are_aligned() -> None:
    for text in (table.listing([HOST, CONTAINERD, NAMED], False), table.cards([CONTAINERD], True)):
        lines = text.split("\n\n")[-1].splitlines()
        for column, header in enumerate(lines[0].split("  ")):
            if header.strip():
                start = lines[0].index(header)
                assert all(len(line) <= start or start == 0 or line[start - 1] == " " for line in lines), (column, header)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_whatever_the_facts_the_text_is_printable(name: str, wide: bool) -> None:
    for text in (table.card(ALL[name], wide), table.listing([ALL[name]], wide)):
        assert all(line.isprintable() and line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("wide", [False, True])
def test_every_interface_has_a_line(wide: bool) -> None:
    lines = table.card(ALL["CROWDED"], wide).splitlines()
    assert [line.split()[1] for line in lines if line.split()[1:2] and line.split()[1].startswith("v")][:5000] == [
        f"v{number}" for number in range(1, 5001)
    ]


@given(st.text(), st.text())
def test_no_text_of_a_node_reaches_the_terminal_raw(name: str, message: str) -> None:
    interfaces = (ETH0._replace(name=name, kind=name, master=message, peer=None),)
    item = ORPHAN._replace(interfaces=interfaces, warnings=(Warning("x", message),), reason=message)
    for text in (table.card(item, True), table.listing([item], True), table.listing([item], False)):
        assert all(line.isprintable() for line in text.split("\n"))


@given(st.text())
def test_safe_text_is_printable_and_plain_text_stays(text: str) -> None:
    assert safe(text).isprintable()
    assert safe(text) == text or not text.isprintable()


@pytest.mark.parametrize(("item", "text"), [
    (HOST_POD, "uses the node's own network"), (ORPHAN, "it is still held, but its sandbox is not ready"),
    (ORPHAN, "! the pod has more than one ready sandbox"), (INFERRED, "inferred from its cgroup"),
    (INFERRED, "pod with UID 8f0c"), (DOCKER, "Docker's NetworkSettings.SandboxID"), (DOCKER, "attempt 2"), (PLAIN, "db"),
    (STALE, "no namespace"), (STALE, "it is a plain file"), (NUMBERED, "nsid 5"), (NAMED, "this machine"),
])  # fmt: skip
def test_a_card_says(item: object, text: str) -> None:
    assert text in table.card(item)  # type: ignore[arg-type]


def test_wide_has_whole_ids() -> None:
    assert "3f1c" * 16 in table.card(CONTAINERD, wide=True)
    assert "fe80::fcf8:daff:fec5:87c8/64" in table.card(CONTAINERD, wide=True)


@pytest.mark.parametrize(("name", "text"), [
    ("vx0", "vxlan 7 to 10.0.0.1 port 4789"), ("wg0", "wireguard port 51820 to 192.0.2.1:51820"), ("eth0.5", "vlan 5 of eth0"),
    ("mv0", "macvlan bridge of if9"), ("far", "index 9 in another namespace"), ("lost", "index 9, not found"),
])  # fmt: skip
def test_the_other_side(name: str, text: str) -> None:
    assert table.other_side(next(one for one in TUNNELS.interfaces if one.name == name)) == text


@pytest.mark.parametrize("wide", [False, True])
def test_what_was_found_says_by_what(wide: bool) -> None:
    (first, second, third, fourth) = [line for line in table.card(SOUGHT, wide).splitlines() if line.startswith("Found by")]
    assert first.split("  ", 1)[1].split("  ")[0].strip() == "interface veth1a2b3c4d" and first.endswith("index 7 on the host, peer of eth0")
    assert second.split() == ["Found", "by", "inode", "4026532576"]
    assert third.split()[2:4] == ["sandbox", "3f1c" * 16 if wide else "3f1c3f1c3f1c…"]
    assert fourth.split()[2:] == ["address", "fd00:244:2::2:1", "eth0", "(2)"]
    header, *lines = table.listing([SOUGHT, HOST], wide).splitlines()
    assert header.endswith("FOUND BY")
    assert "interface veth1a2b3c4d index 7 on the host, peer of eth0; inode 4026532576; sandbox 3f1c" in lines[0]
    assert lines[-1].endswith(" -")
    assert "FOUND BY" not in table.listing([CONTAINERD, HOST], wide)


def test_what_has_no_interfaces_is_listed_wide_too() -> None:
    assert "/run/netns/gone" in table.listing([STALE, CONTAINERD], wide=True)


def test_nodes_are_named_where_there_are_several() -> None:
    assert table.listing([CONTAINERD, DOCKER], False).startswith("NODE")
    assert not table.listing([CONTAINERD, CONTAINERD], False).startswith("NODE")


def test_long_lists_of_interfaces_are_cut() -> None:
    item = ALL["CROWDED"]._replace(namespace=Namespace(1, 4, None, None, ()))
    assert "+4996" in table.listing([item], False)


def test_a_long_path_does_not_push_the_head_out_of_80_columns() -> None:
    path = "/run/netns/cni-26d4bfd1-fdf6-8229-37cd-fbccc1cd416b"
    item = CONTAINERD._replace(namespace=CONTAINERD.namespace._replace(path=path))
    assert table.card(item).splitlines()[:4] == [
        "Pod        shop/web-6d5f  10.244.2.14",
        "Node       node-b         containerd 1.6.20, linux/amd64",
        "Sandbox    3f1c3f1c3f1c…  ready, pause pid 4711",
        f"Namespace  {path}  net:[4026532576]",
    ]
    assert max(map(len, table.card(item).splitlines()[:4])) <= 80
