"""`find` on real namespaces: what is looked for comes from `ip -j`, `stat` and the processes that the test starts itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubectl_netns.agent.discover import survey
from kubectl_netns.agent.place import HERE
from kubectl_netns.client import readings
from kubectl_netns.model import Match, NetworkNamespace
from kubectl_netns.questions import Question
from tests.conftest import Outcome, netns
from tests.node.test_namespaces import hold
from tests.node.worlds import RUN, World, ip_json, sh


def find(word: str, kind: str | None = None) -> list[NetworkNamespace]:
    """The agent on this machine, without any runtime."""
    return list(survey(HERE, Question(clues=readings.clues(word, kind)), []).namespaces)


def inodes(word: str, kind: str | None = None) -> list[int | None]:
    return [one.namespace.inode for one in find(word, kind)]


def why(word: str, kind: str | None = None) -> list[Match]:
    (one,) = find(word, kind)
    return list(one.found_by)


def link(world: World, name: str, short: str | None = None) -> Any:
    """What `ip -j` says of an interface, of the host's or of a namespace's."""
    words = ["ip", *(["-n", world.name(short)] if short else []), "-j", "-d", "link", "show", "dev", name]
    return ip_json(sh(*words))[0]


@pytest.fixture
def pair(world: World) -> tuple[World, str]:
    """Two namespaces, `a` with a veth to the host."""
    world.add("a", "b")
    return world, world.veth_to_host("a")


def test_a_veth_of_the_host_by_name_index_and_mac(pair: tuple[World, str]) -> None:
    world, veth = pair
    outside, inside = link(world, veth), link(world, "eth0", "a")
    expected = {
        veth: Match("interface", veth, f"index {outside['ifindex']} on the host, peer of eth0"),
        f"{veth}@if{inside['ifindex']}": Match("interface", veth, f"index {outside['ifindex']} on the host, peer of eth0"),
        str(outside["ifindex"]): Match("ifindex", str(outside["ifindex"]), f"{veth} on the host, peer of eth0"),
        outside["address"]: Match("mac", outside["address"], f"{veth} ({outside['ifindex']}) on the host, peer of eth0"),
        inside["address"].upper().replace(":", "-"): Match("mac", inside["address"], f"eth0 ({inside['ifindex']})"),
    }
    for word, match in expected.items():
        kind = match.kind if word.isdecimal() else None  # a process may have this number
        assert inodes(word, kind) == [world.inode("a")], word
        assert why(word, kind) == [match], word


def test_an_altname(pair: tuple[World, str]) -> None:
    world, veth = pair
    altname = f"the-other-end-of-the-pod-{world.token}"
    sh("ip", "link", "property", "add", "dev", veth, "altname", altname)
    index = link(world, veth)["ifindex"]
    assert inodes(altname) == [world.inode("a")]
    assert why(altname) == [Match("interface", veth, f"index {index}, also {altname}, on the host, peer of eth0")]


@pytest.mark.parametrize("odd", ["x\x1b[2Jy", "é'\"$(id)", "4711", "a@b", "10.9.9.9", "-v"])
def test_odd_names_of_interfaces(world: World, odd: str) -> None:
    world.add("a")
    sh("ip", "link", "add", "dev", odd, "type", "veth", "peer", "name", "eth0", "netns", world.name("a"))
    world._links.append(odd)
    assert inodes(odd, "interface") == [world.inode("a")]
    answer = netns("--local", "find", "--kind", "interface", "--", odd)
    assert answer.status in (0, 7) and all(char.isprintable() or char == "\n" for char in answer.out)
    told = netns("--local", "find", "-o", "json", "--kind", "interface", "--", odd).json
    assert [match["value"] for match in told["foundBy"]] == [odd] and told["namespace"]["inode"] == world.inode("a")


def test_interfaces_of_the_host_without_a_peer_are_the_hosts(world: World) -> None:
    name = world.host_link("br")
    sh("ip", "link", "add", name, "type", "bridge")
    (one,) = find(name)
    assert one.role == "host" and one.namespace.inode == os.stat("/proc/self/ns/net").st_ino
    one_end, other_end = world.host_link("p"), world.host_link("q")
    sh("ip", "link", "add", one_end, "type", "veth", "peer", "name", other_end)
    assert [one.role for one in find(one_end)] == ["host"]


def test_names_inside_namespaces_are_not_meant(world: World) -> None:
    world.add("a")
    name = f"in{world.token}"
    world.ip("a", "link", "add", name, "type", "bridge")
    assert find(name) == []


@pytest.mark.parametrize("word", ["10.77.{0}.2", "10.77.{0}.2/16", "fd77:0:0:{0}::2", "FD77::{0}:0:0:0:2", "[fd77:0:0:{0}::2]"])
def test_an_address_that_two_namespaces_have(world: World, word: str) -> None:
    number = int(world.token[:2], 16)
    world.add("a", "b", "c")
    for short, last in (("a", 2), ("b", 2), ("c", 3)):
        world.ip(short, "link", "add", "d0", "type", "bridge")
        world.ip(short, "addr", "add", f"10.77.{number}.{last}/24", "dev", "d0")
        world.ip(short, "addr", "add", f"fd77:0:0:{number}::{last}/64", "dev", "d0", "nodad")
    found = find(word.format(number))
    assert {one.namespace.inode for one in found} == {world.inode("a"), world.inode("b")} and len(found) == 2
    index = link(world, "d0", "a")["ifindex"]
    assert {match.detail for one in found for match in one.found_by} == {f"d0 ({index})"}


def test_an_inode(pair: tuple[World, str]) -> None:
    world, _ = pair
    inode = int(sh("stat", "-Lc", "%i", world.path("b")))
    assert inodes(str(inode)) == inodes(f"net:[{inode}]") == [inode]
    assert Match("inode", str(inode), None) in why(str(inode))


def test_a_path_however_it_is_spelled(world: World, tmp_path: Path) -> None:
    world.add("a")
    process = world.start("nsenter", f"--net={world.path('a')}", "sleep", "60")
    wait_for(process.pid, world.inode("a"))
    alias, chain = RUN / world.name("alias"), RUN / world.name("chain")
    outside = tmp_path / "elsewhere"
    try:
        alias.symlink_to(world.path("a"))
        chain.symlink_to(alias.name)
        outside.symlink_to(f"/proc/{process.pid}/ns/net")
        for path in (world.path("a"), f"/var/run/netns/../netns//{world.name('a')}", f"/proc/{process.pid}/ns/net",
                     f"/proc/{process.pid}/task/{process.pid}/ns/net", f"/proc/{process.pid}/root{world.path('a')}"):  # fmt: skip
            assert inodes(path) == [world.inode("a")], path
        for path in (alias, chain):
            assert why(str(path)) == [Match("path", str(path), f"a link to {world.path('a')}")]
        assert why(str(outside)) == [Match("path", str(outside), f"a link to /proc/{process.pid}/ns/net")]
        assert inodes(alias.name) == [world.inode("a")] and why(world.name("a")) == [Match("name", world.name("a"), world.path("a"))]
    finally:
        alias.unlink(missing_ok=True)
        chain.unlink(missing_ok=True)


def test_a_link_to_a_living_process_is_no_stale_name(world: World) -> None:
    """/proc's own links read net:[…], which is no path to go on with."""
    world.add("a")
    process = world.start("nsenter", f"--net={world.path('a')}", "sleep", "60")
    wait_for(process.pid, world.inode("a"))
    alias = RUN / world.name("proc")
    alias.symlink_to(f"/proc/{process.pid}/ns/net")
    try:
        (one,) = find(str(alias))
        assert (one.namespace.inode, one.verdict, str(alias) in one.namespace.names) == (world.inode("a"), "owned", True)
    finally:
        alias.unlink()


def test_a_stale_name_is_found_as_one(root: None) -> None:
    path = RUN / f"nt-find-{os.getpid()}"
    RUN.mkdir(exist_ok=True)
    path.touch()
    try:
        for word in (str(path), path.name):
            (one,) = find(word)
            assert (one.verdict, one.namespace.inode) == ("stale", None)
        assert netns("--local", "find", str(path), "-o", "json").json["verdict"] == "stale"
    finally:
        path.unlink()


@pytest.mark.parametrize("path", ["/run/netns/nt-nothing", "/etc/hostname", "/", "/proc/1/ns/mnt", "/run/netns"])
def test_a_path_that_leads_to_no_network_namespace(root: None, path: str) -> None:
    assert find(path) == []


def wait_for(pid: int, inode: int) -> None:
    """nsenter is in the namespace a moment after it was started."""
    script = f"while [ $(stat -Lc %i /proc/{pid}/ns/net) != {inode} ]; do sleep 0.01; done"
    subprocess.run(["sh", "-c", script], timeout=10, check=True)


def test_a_process(world: World) -> None:
    world.add("a")
    process = world.start("nsenter", f"--net={world.path('a')}", "sleep", "60")
    wait_for(process.pid, world.inode("a"))
    assert inodes(str(process.pid), "pid") == [world.inode("a")]
    assert why(str(process.pid), "pid") == [Match("pid", str(process.pid), "sleep")]
    assert find(str(1 << 22), "pid") == []


def test_a_process_of_which_a_thread_has_left(world: World) -> None:
    """It is in two: by its own number both are found, by the thread's only the one that the thread is in."""
    world.add("a")
    process = hold(world, "thread", "a")
    (thread,) = [int(name) for name in os.listdir(f"/proc/{process.pid}/task") if int(name) != process.pid]
    command = Path(f"/proc/{process.pid}/comm").read_text().strip()
    home, away = find(str(process.pid), "pid")
    assert home.namespace.inode == os.stat(f"/proc/{process.pid}/ns/net").st_ino
    assert home.found_by == (Match("pid", str(process.pid), command),)
    assert away.namespace.inode == world.inode("a") == os.stat(f"/proc/{process.pid}/task/{thread}/ns/net").st_ino
    assert away.found_by == (Match("pid", str(process.pid), f"thread {thread} of {command}"),)
    assert why(str(thread), "pid") == [Match("pid", str(thread), f"thread of {command} ({process.pid})")]
    assert inodes(str(thread), "pid") == [world.inode("a")]


def test_every_reading_of_a_number_is_told(world: World) -> None:
    """A process, an index of the host's and an interface may have one number: each hit says as what it was found."""
    world.add("a", "b", "c")
    process = world.start("nsenter", f"--net={world.path('a')}", "sleep", "60")
    wait_for(process.pid, world.inode("a"))
    number = str(process.pid)
    sh("ip", "link", "add", "dev", number, "type", "veth", "peer", "name", "eth0", "netns", world.name("b"))
    world._links.append(number)
    other = world.host_link("i")
    sh("ip", "link", "add", "dev", other, "index", number, "type", "veth", "peer", "name", "eth0", "netns", world.name("c"))
    kinds = {one.namespace.inode: [match.kind for match in one.found_by] for one in find(number)}
    assert kinds == {world.inode("a"): ["pid"], world.inode("b"): ["interface"], world.inode("c"): ["ifindex"]}
    text = netns("--local", "find", number)
    assert text.out.splitlines()[0].endswith("FOUND BY") and len(text.out.splitlines()) == 4
    for kind, inode in (("pid", "a"), ("interface", "b"), ("ifindex", "c")):
        assert inodes(number, kind) == [world.inode(inode)]


def outcome(*words: str) -> Outcome:
    return netns("--local", "find", *words)


def test_the_answer_of_the_program(pair: tuple[World, str]) -> None:
    world, veth = pair
    card = outcome(veth)
    assert card.status == 0 and ["Found", "by", "interface", veth] in [line.split()[:4] for line in card.out.splitlines()]
    told = outcome(veth, "-o", "json")
    assert told.json["kind"] == "NetworkNamespace" and told.json["namespace"]["inode"] == int(sh("stat", "-Lc", "%i", world.path("a")))
    assert outcome(veth, "-o", "name").out == f"{world.path('a')}\n"
    several = outcome("127.0.0.1", "-o", "json").json
    assert several["kind"] == "NetworkNamespaceList"
    assert {world.inode("a"), world.inode("b")} <= {one["namespace"]["inode"] for one in several["items"]}
    assert all(match["kind"] == "address" for one in several["items"] for match in one["foundBy"])
    # asked first: the route to a link-local address comes a moment after the link
    listed = json.loads(sh("ip", "-n", world.name("a"), "-j", "-6", "route", "show", "table", "all"))
    routes = outcome(veth, "--show", "routes", "-o", "json").json["routes"]
    assert {route["destination"] for route in routes} >= {one["dst"] for one in listed if ":" in one["dst"]}


def test_nothing_matches(root: None) -> None:
    answer = outcome("10.254.253.252")
    assert (answer.status, answer.out) == (3, "")
    assert 'nothing on this machine is "10.254.253.252", looked for as address' in answer.err


def test_list_says_nothing_of_a_search(pair: tuple[World, str]) -> None:
    items = netns("--local", "list", "-o", "json").json["items"]
    assert all(item["foundBy"] == [] for item in items)
