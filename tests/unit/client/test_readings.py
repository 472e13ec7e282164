"""What a word may be: a table, and whatever else somebody may type."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.client.readings import INODES, KINDS, READERS, clues, per_node
from kubectl_netns.errors import ExitStatus, UsageError
from kubectl_netns.questions import Clue

FULL = "3f1c9ab07f52" + "0" * 52
IDS = ["sandbox", "container", "network"]
NAMES = ["interface", "name"]
WORDS: list[tuple[str, dict[str, str]]] = [
    ("10.244.2.2", {"address": "10.244.2.2"}),
    ("10.244.2.2/24", {"address": "10.244.2.2"}),
    ("fd00:244:2::2", {"address": "fd00:244:2::2"}),
    ("FD00:0244:02:0:0:0:0:0002/64", {"address": "fd00:244:2::2"}),
    ("[fd00::2]", {"address": "fd00::2"}),
    ("fe80::1%eth0", {"address": "fe80::1"}),
    ("fe80::1%eth0/64", {"address": "fe80::1"}),
    ("::ffff:10.244.2.2", {"address": "10.244.2.2"}),
    ("8e:c8:b4:f5:5e:4f", {"mac": "8e:c8:b4:f5:5e:4f"}),
    ("8E-C8-B4-F5-5E-4F", {"mac": "8e:c8:b4:f5:5e:4f"}),
    ("80:00:02:08:fe:80:00:00:00:00:00:00:ec:0d:9a:03:00:8f:f6:4c", {"mac": "80:00:02:08:fe:80:00:00:00:00:00:00:ec:0d:9a:03:00:8f:f6:4c"}),
    ("aa:bb:cc:dd:ee:ff:00:11", {"address": "aa:bb:cc:dd:ee:ff:0:11", "mac": "aa:bb:cc:dd:ee:ff:00:11"}),
    ("vethe33d92c2", dict.fromkeys(NAMES, "vethe33d92c2")),
    ("eth0", dict.fromkeys(NAMES, "eth0")),
    ("enp5s0.100", dict.fromkeys(NAMES, "enp5s0.100")),
    ("x\x1b[2Jy\udcff", dict.fromkeys(NAMES, "x\x1b[2Jy\udcff")),
    ("1", {"ifindex": "1", "pid": "1", "interface": "1", "name": "1"}),
    ("0042", {"ifindex": "42", "pid": "42", "interface": "0042", "name": "0042"}),
    ("4194305", {"ifindex": "4194305", **dict.fromkeys([*IDS, *NAMES], "4194305")}),
    ("4026532576", {"inode": "4026532576", **dict.fromkeys([*IDS, *NAMES], "4026532576")}),
    ("net:[4026532576]", {"inode": "4026532576"}),
    ("3f1c9a", dict.fromkeys([*IDS, *NAMES], "3f1c9a")),
    ("3F1C9AB07F52", {**dict.fromkeys(IDS, "3f1c9ab07f52"), **dict.fromkeys(NAMES, "3F1C9AB07F52")}),
    (FULL, dict.fromkeys([*IDS, *NAMES], FULL)),
    (FULL + "0", dict.fromkeys(NAMES, FULL + "0")),
    (f"docker://{FULL}", dict.fromkeys(["sandbox", "container"], FULL)),
    (f"containerd://{FULL[:12]}", dict.fromkeys(["sandbox", "container"], FULL[:12])),
    (f"cri-o://{FULL}", dict.fromkeys(["sandbox", "container"], FULL)),
    ("/run/netns/cni-1a", {"path": "/run/netns/cni-1a"}),
    ("/var/run/docker/netns/0123456789ab", {"path": "/run/docker/netns/0123456789ab"}),
    ("//run/netns/../netns//blue", {"path": "/run/netns/blue"}),
    ("/proc/4711/ns/net", {"path": "/proc/4711/ns/net"}),
    ("/run/netns/a b:c", {"path": "/run/netns/a b:c"}),
    ("cni-63dbf834-a509-d51f-74ba-fe2d68204ff3", dict.fromkeys(NAMES, "cni-63dbf834-a509-d51f-74ba-fe2d68204ff3")),
    ("é" * 64, {"name": "é" * 64}),  # 128 bytes: too long for an altname
]  # fmt: skip


@pytest.mark.parametrize(("word", "expected"), WORDS, ids=[ascii(word) for word, _ in WORDS])
def test_readings(word: str, expected: dict[str, str]) -> None:
    found = clues(word)
    assert {clue.kind: clue.value for clue in found} == expected
    assert len(found) == len(expected)


def test_a_veth_as_ip_prints_it_is_also_the_veth() -> None:
    assert clues("veth1@if2") == (Clue("interface", "veth1@if2"), Clue("interface", "veth1"), Clue("name", "veth1@if2"))


@pytest.mark.parametrize("word", [
    "", ".", "..", "shop/web", "deployment/web", "a b", "10.0.0.1:80", "[::1]:80", "10.0.0.256/24", "docker://xyz", "docker://3f1c",
    "net:[x]", "/proc/self/ns/net", "/proc/thread-self", "x" * 256, "fd00::/200", "http://3f1c9ab07f52/", "8e:c8:b4:f5:5e", "\0",
])  # fmt: skip
def test_a_word_that_can_be_nothing_is_refused_with_the_kinds(word: str) -> None:
    with pytest.raises(UsageError) as refused:
        clues(word)
    assert refused.value.status == ExitStatus.USAGE
    assert refused.value.hint and all(text in refused.value.hint for text in KINDS.values())


@pytest.mark.parametrize(("word", "kind", "value"), [
    ("4711", "pid", "4711"), ("4711", "interface", "4711"), ("10.0.0.1", "interface", "10.0.0.1"), ("10.0.0.1", "name", "10.0.0.1"),
    ("a b", "name", "a b"), ("net:[7]", "name", "net:[7]"), ("3f1c9a", "network", "3f1c9a"), ("docker://3f1c9a", "container", "3f1c9a"),
])  # fmt: skip
def test_a_kind_that_is_given_is_the_only_one_tried(word: str, kind: str, value: str) -> None:
    assert clues(word, kind) == (Clue(kind, value),)


@pytest.mark.parametrize(("word", "kind"), [("4711", "inode"), ("web", "pid"), ("a/b", "name"), ("docker://3f1c9a", "network"), ("0", "pid")])
def test_a_word_that_cannot_be_the_kind_that_is_given(word: str, kind: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        clues(word, kind)


def test_what_can_be_looked_for_is_told_a_kind_a_line() -> None:
    with pytest.raises(UsageError, match="nothing that can be looked for") as caught:
        clues("a b/c")
    assert [line.split()[0] for line in (caught.value.hint or "").splitlines()[1:]] == list(KINDS)


@pytest.mark.parametrize(("word", "own"), [
    ("4711", {"ifindex", "pid"}), ("4026532576", {"inode"}), ("/proc/4711/ns/net", {"path"}), ("/run/netns/blue", set()), ("3f1c9a", set()),
    ("/proc", set()),
])  # fmt: skip
def test_what_means_something_on_one_node_only(word: str, own: set[str]) -> None:
    assert {clue.kind for clue in clues(word) if per_node(clue)} == own


@given(st.text(max_size=300) | st.from_regex(r"[0-9a-fA-F:./%\[\]@-]{1,40}", fullmatch=True))
def test_any_word_is_read_or_refused(word: str) -> None:
    for kind in (None, *READERS):
        try:
            found = clues(word, kind)
        except UsageError:
            continue
        assert found and all(clue.kind in KINDS and clue.value for clue in found)


@given(st.ip_addresses())
def test_every_spelling_of_an_address_is_that_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    plain = getattr(address, "ipv4_mapped", None) or address
    for word in (str(address), address.exploded, address.exploded.upper(), f"{address}/{address.max_prefixlen}"):
        assert clues(word, "address") == (Clue("address", str(plain)),)


@given(st.binary(min_size=6, max_size=6), st.sampled_from(":-"))
def test_every_mac(octets: bytes, separator: str) -> None:
    for word in (octets.hex(separator), octets.hex(separator).upper()):
        assert clues(word) == (Clue("mac", octets.hex(":")),)


@given(st.integers(0, 1 << 34))
def test_a_number_is_never_both_an_inode_and_a_pid(number: int) -> None:
    kinds = {clue.kind for clue in clues(str(number))}
    assert ("inode" in kinds) == (number in INODES) and not {"inode", "pid"} <= kinds


@given(st.text("0123456789abcdef", min_size=6, max_size=64), st.sampled_from(["", "docker://", "containerd://"]))
def test_an_id_keeps_its_digits(digits: str, scheme: str) -> None:
    values = {clue.value for clue in clues(scheme + digits) if clue.kind in ("sandbox", "container")}
    assert values == {digits} and re.fullmatch("[0-9a-f]+", digits)
