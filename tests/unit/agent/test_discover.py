"""Joining what runtimes, processes and mounts say of a recorded node: which namespaces there are, whose, and how sure that is."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubectl_netns.agent.discover import (
    Found,
    ask,
    attach,
    describe,
    find,
    host_namespace,
    inferred,
    newest,
    role,
    select,
    verdict,
)
from kubectl_netns.agent.enter import Key
from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes.base import Holder, NotSpoken, Runtime, RuntimeUnavailable
from kubectl_netns.agent.visit import Visit
from kubectl_netns.model import Interface, Peer, Pod, Process, Question, Sandbox, Warning

UID = "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f"
ID = "3f1c" * 16
WEB = Pod("shop", "web", UID, host_network=False)
PROXY = Pod("kube-system", "kube-proxy", "u-proxy", host_network=True)


def holder(
    pid: int | None = None, path: str | None = None, pod: Pod | None = WEB, *, state: str = "ready", attempt: int | None = 0,
    created: str = "2026-01-01T00:00:00Z", id: str = ID, container: str | None = None,
) -> Holder:  # fmt: skip
    return Holder(Sandbox(id, "containerd", state, pid, attempt, created, "cri"), pod, path, container)


@dataclass
class Node:
    """A recorded node: plain files stand for namespaces, so `key` of a file is what the kernel's would be of a namespace.

    PID 1 and 2 are in the host's, 41 in a's. /run/netns holds a, b (no process in it), and `stale`, which is on another device
    like an empty file that a mount once covered.
    """

    base: Path
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.place = Place(proc=str(self.base / "proc"), root=str(self.base / "root"))
        netns = self.base / "root/run/netns"
        netns.mkdir(parents=True)
        for name in ("host", "a", "b"):
            (netns / name).touch()
        (netns / "stale").symlink_to("/proc/version")
        for pid, name in ((1, "host"), (2, "host"), (41, "a")):
            self.process(pid, name)
        (self.base / "proc/41/cgroup").write_text(f"0::/kubepods/pod{UID}/{ID}\n")
        (self.base / "proc/41/comm").write_text("pause\n")
        lines = (f"70 24 0:4 net:[{self.key(name)[1]}] /run/netns/{name} rw - nsfs nsfs rw\n" for name in ("a", "b"))
        (self.base / "proc/1/mountinfo").write_text("".join(lines))

    def process(self, pid: int, name: str) -> None:
        (self.base / f"proc/{pid}/ns").mkdir(parents=True)
        (self.base / f"proc/{pid}/ns/net").symlink_to(self.base / "root/run/netns" / name)

    def key(self, name: str) -> Key:
        status = os.stat(self.base / "root/run/netns" / name)
        return status.st_dev, status.st_ino

    @property
    def host(self) -> Key:
        return self.key("host")

    def names(self, found: dict[Key, Found]) -> dict[str, Found]:
        known = {self.key(name): name for name in ("host", "a", "b", "stale")}
        return {known[key]: one for key, one in found.items()}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_what_processes_and_mounts_hold(node: Node) -> None:
    found = node.names(find(node.place, node.host, []))
    assert {name: (one.path, one.pids, one.mounts) for name, one in found.items()} == {
        "host": ("/proc/1/ns/net", [1, 2], []),
        "a": ("/run/netns/a", [41], ["/run/netns/a"]),
        "b": ("/run/netns/b", [], ["/run/netns/b"]),
    }
    assert {name: os.stat(one.way).st_ino for name, one in found.items()} == {name: node.key(name)[1] for name in found}


MISMATCH = "path-mismatch"
ATTACHED = {  # holder → whose namespace, path afterwards, warnings
    "path-and-pid-agree": (holder(41, "/run/netns/a"), "a", "/run/netns/a", []),
    "path-in-var-run": (holder(41, "/var/run/netns/a"), "a", "/var/run/netns/a", []),
    "path-alone-is-mounted": (holder(None, "/run/netns/b"), "b", "/run/netns/b", []),
    "path-to-a-live-namespace-that-nothing-else-names": (holder(None, "/run/other"), "new", "/run/other", []),
    "pid-alone": (holder(41), "a", "/run/netns/a", []),
    "pid-gone-path-live": (holder(999, "/run/netns/b"), "b", "/run/netns/b", []),
    "path-stale-pid-live": (holder(41, "/run/netns/stale"), "a", "/run/netns/a", [MISMATCH]),
    "path-gone-pid-live": (holder(41, "/run/netns/gone"), "a", "/run/netns/a", [MISMATCH]),
    "path-of-another-namespace": (holder(41, "/run/netns/b"), "a", "/run/netns/a", [MISMATCH]),
    "path-stale": (holder(None, "/run/netns/stale"), None, None, []),
    "path-gone": (holder(None, "/run/netns/gone"), None, None, []),
    "pid-gone": (holder(999), None, None, []),
    "both-gone": (holder(999, "/run/netns/stale"), None, None, []),
    "nothing-is-told": (holder(), None, None, []),
    "pid-in-a-namespace-that-was-not-found": (holder(77), None, None, []),
    "host-network": (holder(2, None, PROXY), "host", "/proc/1/ns/net", []),
    "host-network-not-running": (holder(None, None, PROXY, state="notready"), "host", "/proc/1/ns/net", []),
    "plain-container": (holder(41, "/run/netns/a", None, container="db"), "a", "/run/netns/a", []),
}


@pytest.mark.parametrize(("which", "where", "path", "codes"), ATTACHED.values(), ids=ATTACHED.keys())
def test_attach(node: Node, which: Holder, where: str | None, path: str | None, codes: list[str]) -> None:
    other = node.base / "root/run/other"
    other.touch()
    found = find(node.place, node.host, [])
    before = set(found)
    (node.base / "proc/77/ns").mkdir(parents=True)
    (node.base / "proc/77/ns/net").symlink_to(other)
    attach(node.place, node.host, found, which)
    attached = [one for one in found.values() if one.holders]
    assert [(one.holders, one.path, [warning.code for warning in one.warnings]) for one in attached] == (
        [([which], path, codes)] if where else []
    )
    status = os.stat(other)
    keys = {"new": (status.st_dev, status.st_ino), **{name: node.key(name) for name in ("host", "a", "b")}}
    assert [one.key for one in attached] == ([keys[where]] if where else [])
    assert set(found) - before == ({keys["new"]} if where == "new" else set())
    assert all(os.stat(one.way).st_ino == one.key[1] for one in found.values())


@dataclass
class Stub:
    """A runtime that says what it is told to."""

    says: list[Holder] | RuntimeUnavailable
    asked: list[tuple[Pod, ...] | None] = field(default_factory=list)

    def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
        self.asked.append(pods)
        if isinstance(self.says, RuntimeUnavailable):
            raise self.says
        return self.says


TOLD = Warning("runtime-unavailable", "CRI at /s: timed out")


@pytest.mark.parametrize(
    ("says", "runtime", "warnings"),
    [
        (RuntimeUnavailable("CRI at /s: timed out"), None, [TOLD]),
        (RuntimeUnavailable("CRI at /s: timed out"), "containerd", [TOLD]),
        (NotSpoken("CRI at /s: timed out"), None, []),
        (NotSpoken("CRI at /s: timed out"), "containerd", [TOLD]),
        ([], "containerd", []),
    ],
)
def test_a_silent_runtime_does_not_spoil_the_others(
    says: list[Holder] | RuntimeUnavailable, runtime: str | None, warnings: list[Warning]
) -> None:
    told: list[Warning] = []
    runtimes: list[Runtime] = [Stub([holder(1)]), Stub(says), Stub([holder(2)])]
    assert [one.sandbox.pid for one in ask(runtimes, Question((WEB,), runtime), told)] == [1, 2]
    assert told == warnings
    assert [one.asked for one in runtimes if isinstance(one, Stub)] == [[(WEB,)]] * 3


@pytest.mark.parametrize(
    ("holders", "pods", "names"),
    [
        ([holder(41)], (WEB,), ["a"]),
        ([holder(41)], (Pod("shop", "web", None),), ["a"]),
        ([holder(41)], (PROXY,), []),
        ([holder(41), holder(2, None, PROXY)], (WEB, PROXY), ["a", "host"]),
        ([holder(2, None, PROXY)], (PROXY,), ["host"]),
        ([holder(41, pod=None)], (PROXY,), []),
        ([], (WEB,), ["a"]),
        ([], (Pod("shop", "web", None),), []),
        ([], (PROXY, Pod("x", "y", UID)), ["a"]),
        ([holder(None, "/run/netns/b")], (WEB,), ["b"]),
        ([], (), []),
    ],
    ids=["by-uid", "by-name", "another", "two", "host-network", "plain-container", "by-cgroup", "by-cgroup-needs-a-uid",
         "one-of-two-by-cgroup", "the-runtime-goes-before-cgroups", "none"],
)  # fmt: skip
def test_select(node: Node, holders: list[Holder], pods: tuple[Pod, ...], names: list[str]) -> None:
    assert sorted(node.names(select(node.place, find(node.place, node.host, holders), pods))) == names


OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("holders", "best"),
    [
        ([holder(id="a" * 64)], "a"),
        ([holder(id="a" * 64, attempt=1), holder(id="b" * 64, attempt=2)], "b"),
        ([holder(id="a" * 64, attempt=10), holder(id="b" * 64, attempt=9)], "a"),
        ([holder(id="a" * 64, attempt=1), holder(id="b" * 64, attempt=2, state="notready")], "a"),
        ([holder(id="a" * 64, attempt=1, state="unknown"), holder(id="b" * 64, attempt=0)], "b"),
        ([holder(id="a" * 64, created=NEW), holder(id="b" * 64, created=OLD)], "a"),
        ([holder(id="a" * 64, attempt=1, created=OLD), holder(id="b" * 64, attempt=0, created=NEW)], "a"),
        ([holder(id="a" * 64, attempt=None), holder(id="b" * 64, attempt=1)], "b"),
    ],
)
def test_the_newest_ready_sandbox_counts_and_the_others_are_told(holders: list[Holder], best: str) -> None:
    for order in (holders, holders[::-1]):
        warnings: list[Warning] = []
        chosen = newest(order, warnings)
        assert chosen and chosen.sandbox.id == best * 64
        (other,) = [one.sandbox for one in holders if one is not chosen] or [None]
        assert [(warning.code, warning.message.partition(": ")[2]) for warning in warnings] == (
            [("other-sandboxes", f"{other.id[:12]} ({other.state})")] if other else []
        )


def test_no_sandbox_is_the_newest_of_none() -> None:
    warnings: list[Warning] = []
    assert (newest([], warnings), warnings) == (None, [])


@pytest.mark.parametrize(
    ("key", "pod", "container", "mounts", "expected"),
    [
        ("host", None, None, [], "host"),
        ("host", PROXY, "c", ["/run/netns/host"], "host"),
        ("a", WEB, None, [], "pod"),
        ("a", WEB, "c", ["/run/netns/a"], "pod"),
        ("a", None, "c", ["/run/netns/a"], "container"),
        ("a", None, None, ["/run/netns/a"], "named"),
        ("a", None, None, ["/mnt/x", "/var/run/netns/a"], "named"),
        ("a", None, None, ["/run/docker/netns/a"], "unknown"),
        ("a", None, None, [], "unknown"),
    ],
)
def test_role(node: Node, key: str, pod: Pod | None, container: str | None, mounts: list[str], expected: str) -> None:
    assert role(Found(node.key(key), "", "", mounts=mounts), node.host, pod, container) == expected


@pytest.mark.parametrize(
    ("is_host", "state", "expected"),
    [
        (True, None, "owned"), (True, "notready", "owned"), (False, "ready", "owned"), (False, "notready", "orphan"),
        (False, "unknown", "unknown"), (False, None, "unknown"),
    ],
)  # fmt: skip
def test_verdict(is_host: bool, state: str | None, expected: str) -> None:
    assert verdict(is_host, holder(state=state).sandbox if state else None) == expected


@pytest.mark.parametrize(
    ("name", "pids", "cgroup", "expected"),
    [
        ("a", [41], f"0::/kubepods/pod{UID}/{ID}", (ID, Pod("", "", UID))),
        ("a", [41], f"0::/docker/{ID}", (ID, None)),
        ("a", [41], "0::/user.slice", (None, None)),
        ("a", [], f"0::/kubepods/pod{UID}/{ID}", (None, None)),
        ("host", [41], f"0::/kubepods/pod{UID}/{ID}", (None, None)),
    ],
)
def test_what_a_cgroup_tells(
    node: Node, name: str, pids: list[int], cgroup: str, expected: tuple[str | None, Pod | None]
) -> None:
    (node.base / "proc/41/cgroup").write_text(cgroup + "\n")
    sandbox, pod = inferred(node.place, Found(node.key(name), "", "", pids), node.host)
    assert (sandbox and sandbox.id, pod) == expected
    assert sandbox is None or (sandbox.source, sandbox.state, sandbox.runtime, sandbox.pid) == ("cgroup", "unknown", None, 41)


ETH0 = Interface(
    index=2, name="eth0", kind="veth", state="up", flags=(), mtu=1500, mac=None, altnames=(), alias=None, addresses=(),
    master=None, parent=None, peer=Peer(None, 7, None, None, True, 0), statistics=None,
)  # fmt: skip


def test_a_pods_namespace_is_described(node: Node) -> None:
    found = find(node.place, node.host, [holder(41, "/run/netns/a", attempt=1), holder(None, "/run/netns/a", state="notready")])
    (item,) = describe(node.place, found[node.key("a")], Visit(node.key("a"), (ETH0,), nsid=3), node.host)
    assert (item.role, item.verdict, item.pod, item.process) == ("pod", "owned", WEB, Process(41, "pause"))
    assert item.sandbox == holder(41, attempt=1).sandbox
    assert (item.namespace.inode, item.namespace.path, item.namespace.nsid) == (node.key("a")[1], "/run/netns/a", 3)
    assert (item.namespace.held_by, item.interfaces) == (("process", "mount"), (ETH0,))
    assert [warning.code for warning in item.warnings] == ["peer-unconfirmed", "other-sandboxes"]


def test_a_namespace_that_only_a_mount_holds(node: Node) -> None:
    found = find(node.place, node.host, [])
    (item,) = describe(node.place, found[node.key("b")], Visit(node.key("b"), ()), node.host)
    assert (item.role, item.verdict, item.pod, item.sandbox, item.process) == ("named", "unknown", None, None, None)
    assert (item.namespace.held_by, item.namespace.nsid, item.warnings) == (("mount",), None, ())


def test_a_namespace_that_no_runtime_knows_is_inferred(node: Node) -> None:
    found = find(node.place, node.host, [])
    (item,) = describe(node.place, found[node.key("a")], Visit(node.key("a"), ()), node.host)
    assert (item.role, item.verdict, item.pod) == ("pod", "unknown", Pod("", "", UID))
    assert item.sandbox and (item.sandbox.id, item.sandbox.source) == (ID, "cgroup")


def test_the_hosts_namespace_stands_for_itself_and_for_each_pod_on_it(node: Node) -> None:
    found = find(node.place, node.host, [holder(2, None, PROXY), holder(1, None, WEB)])
    items = describe(node.place, found[node.host], Visit(node.host, ()), node.host)
    assert [(item.role, item.verdict, item.pod) for item in items] == [("host", "owned", pod) for pod in (None, PROXY, WEB)]
    assert [item.sandbox and item.sandbox.pid for item in items] == [None, 2, 1]


def test_the_host_is_pid_1s_or_else_our_own(node: Node) -> None:
    warnings: list[Warning] = []
    assert (host_namespace(node.place, warnings), warnings) == (node.place.process(1, "ns", "net"), [])
    os.unlink(node.place.process(1, "ns", "net"))
    assert host_namespace(node.place, warnings) == os.path.join(node.place.proc, "self/ns/net")
    assert [warning.code for warning in warnings] == ["host-assumed"]
