"""Joining what runtimes, processes and mounts say of a recorded node: whose each namespace is, and how sure that is."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubectl_netns.agent import crosscheck, holders, names, processes
from kubectl_netns.agent.discover import host_namespace
from kubectl_netns.agent.enter import Key
from kubectl_netns.agent.holders import Found
from kubectl_netns.agent.ownership import attach, inferred, others, rank, role, select, strangers, verdict
from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes import asking
from kubectl_netns.agent.runtimes.asking import ask
from kubectl_netns.agent.runtimes.base import Holder, NotSpoken, Runtime, RuntimeUnavailable
from kubectl_netns.model import Address, Interface, Namespace, NetworkNamespace, Pod, Sandbox, Warning
from kubectl_netns.questions import Question
from tests.schema import WORDS
from tests.unit.agent.held import held

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


def find(node: Node, told: list[Holder] | None = None, thorough: bool = False) -> dict[Key, Found]:
    with ExitStack() as stack:
        found = holders.find(node.place, node.host[0], thorough, stack)
    for one in told or []:
        attach(node.place, node.host, found, one)
    return found


def test_what_processes_and_mounts_hold(node: Node) -> None:
    found = node.names(find(node))
    assert {name: (one.path, one.pids, one.mounts) for name, one in found.items()} == {
        "host": ("/proc/1/ns/net", [1, 2], []),
        "a": ("/run/netns/a", [41], ["/run/netns/a"]),
        "b": ("/run/netns/b", [], ["/run/netns/b"]),
    }
    assert {name: os.stat(one.way).st_ino for name, one in found.items()} == {name: node.key(name)[1] for name in found}


MISMATCH, HOST_MISMATCH = "path-mismatch", "host-network-mismatch"
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
    "pid-of-another-container-now": (holder(41, "/run/netns/b", id="9" * 64), "b", "/run/netns/b", []),
    "pid-of-another-container-now-and-no-path": (holder(41, id="9" * 64), None, None, []),
    "path-stale": (holder(None, "/run/netns/stale"), None, None, []),
    "path-gone": (holder(None, "/run/netns/gone"), None, None, []),
    "pid-gone": (holder(999), None, None, []),
    "both-gone": (holder(999, "/run/netns/stale"), None, None, []),
    "nothing-is-told": (holder(), None, None, []),
    "pid-in-a-namespace-that-was-not-found": (holder(77), None, None, []),
    "host-network": (holder(2, None, PROXY), "host", "/proc/1/ns/net", []),
    "host-network-not-running": (holder(None, None, PROXY, state="notready"), "host", "/proc/1/ns/net", []),
    "host-network-pid-gone": (holder(999, None, PROXY), "host", "/proc/1/ns/net", []),
    "host-network-pid-of-another-container-now": (holder(41, None, PROXY, id="9" * 64), "host", "/proc/1/ns/net", []),
    "host-network-pid-elsewhere": (holder(41, None, PROXY), "a", "/run/netns/a", [HOST_MISMATCH]),
    "own-network-pid-in-the-host-s": (holder(2), "host", "/proc/1/ns/net", [HOST_MISMATCH]),
    "own-network-by-path-pid-in-the-host-s": (holder(2, "/run/netns/b"), "host", "/proc/1/ns/net", [MISMATCH]),
    "plain-container": (holder(41, "/run/netns/a", None, container="db"), "a", "/run/netns/a", []),
}


@pytest.mark.parametrize(("which", "where", "path", "codes"), ATTACHED.values(), ids=ATTACHED.keys())
def test_attach(node: Node, which: Holder, where: str | None, path: str | None, codes: list[str]) -> None:
    other = node.base / "root/run/other"
    other.touch()
    found = find(node)
    before = set(found)
    (node.base / "proc/77/ns").mkdir(parents=True)
    (node.base / "proc/77/ns/net").symlink_to(other)
    attach(node.place, node.host, found, which)
    attached = [one for one in found.values() if one.holders]
    told = [holder for one in attached for holder in one.holders]
    assert [holder._replace(warnings=(), seen=None) for holder in told] == ([which] if where else [])
    assert [warning.code for holder in told for warning in holder.warnings] == codes
    assert [one.path for one in attached] == ([path] if where else [])
    status = os.stat(other)
    keys = {"new": (status.st_dev, status.st_ino), **{name: node.key(name) for name in ("host", "a", "b")}}
    assert [one.key for one in attached] == ([keys[where]] if where else [])
    assert set(found) - before == ({keys["new"]} if where == "new" else set())
    assert all(os.stat(one.way).st_ino == one.key[1] for one in found.values())


@pytest.mark.parametrize(
    ("pid", "cgroup", "seen"),
    [(2, "/", True), (None, "/", False), (999, "/", False), (None, f"/kubepods/pod{UID}/{'c' * 64}", True)],
    ids=["its-pause-process", "none", "a-pid-that-has-gone", "no-pause-process-but-another-of-the-pod"],
)
def test_whether_a_process_shows_that_a_pod_is_on_the_nodes_network(node: Node, pid: int | None, cgroup: str, seen: bool) -> None:
    (node.base / "proc/2/cgroup").write_text(f"0::{cgroup}\n")
    found = find(node, [holder(pid, None, WEB._replace(host_network=True))])
    assert [one.seen for one in found[node.host].holders] == [seen]


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
        (NotSpoken("CRI at /s: timed out"), "containerd", []),
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


def test_where_none_speaks_cri_it_is_told() -> None:
    told: list[Warning] = []
    runtimes: list[Runtime] = [Stub(NotSpoken("CRI at /s: timed out")), Stub(RuntimeUnavailable("CRI at /t: refused"))]
    assert ask(runtimes, Question((WEB,), "containerd"), told) == []
    assert {one.message for one in told} == {"CRI at /s: timed out", "CRI at /t: refused"}


def test_a_runtime_that_never_comes_to_an_end_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that sends a byte every second, which no limit on a single read ends."""
    monkeypatch.setattr(asking, "PATIENCE", 0.3)
    ended = threading.Event()

    class Endless(Stub):
        def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
            ended.wait(30)
            return []

    told: list[Warning] = []
    begun = time.monotonic()
    assert [one.sandbox.pid for one in ask([Endless([]), Stub([holder(2)])], Question(), told)] == [2]
    assert time.monotonic() - begun < 5 and [one.code for one in told] == ["runtime-unavailable"]
    ended.set()


def test_a_bug_in_a_runtime_is_not_hidden() -> None:
    class Broken(Stub):
        def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
            raise AttributeError("a bug")

    with pytest.raises(AttributeError):
        ask([Broken([])], Question(), [])


@pytest.mark.parametrize(
    ("told", "pods", "expected"),
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
def test_select(node: Node, told: list[Holder], pods: tuple[Pod, ...], expected: list[str]) -> None:
    assert sorted(node.names(select(node.place, find(node, told), pods))) == expected


OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("told", "best"),
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
def test_the_newest_ready_sandbox_counts_and_the_others_are_told(told: list[Holder], best: str) -> None:
    for order in (told, told[::-1]):
        chosen = max(order, key=lambda one: rank(one.sandbox))
        assert chosen.sandbox.id == best * 64
        rest = [one.sandbox for one in told if one is not chosen]
        two = rest and rest[0].state == chosen.sandbox.state == "ready"
        codes = [("two-ready-sandboxes" if two else "other-sandboxes")] if rest else []
        warnings = others(chosen, order)
        assert [warning.code for warning in warnings] == codes
        assert all(f"{rest[0].id[:12]} ({rest[0].state}, attempt {rest[0].attempt or 0})" in one.message for one in warnings)


def test_another_pods_sandboxes_are_not_told() -> None:
    assert others(holder(id="a" * 64), [holder(id="a" * 64), holder(id="b" * 64, pod=PROXY)]) == []
    assert others(holder(pod=None), [holder(id="b" * 64)]) == []


def test_two_owners_of_one_namespace_are_told() -> None:
    mine = holder(41)
    assert strangers(mine, [mine, holder(41, id="b" * 64)]) == []
    (warning,) = strangers(mine, [mine, holder(41, pod=PROXY)])
    assert (warning.code, "kube-system/kube-proxy" in warning.message) == ("shared-namespace", True)


CGROUP = Sandbox(ID, None, "unknown", 41, None, None, "cgroup")


@pytest.mark.parametrize(
    ("key", "pod", "sandbox", "mounts", "expected"),
    [
        ("host", None, None, [], "host"),
        ("host", PROXY, CGROUP, ["/run/netns/host"], "host"),
        ("a", WEB, None, [], "pod"),
        ("a", WEB, CGROUP, ["/run/netns/a"], "pod"),
        ("a", None, CGROUP, ["/run/netns/a"], "container"),
        ("a", None, None, ["/run/netns/a"], "named"),
        ("a", None, None, ["/mnt/x", "/run/netns/a"], "named"),
        ("a", None, None, ["/run/docker/netns/a"], "unknown"),
        ("a", None, None, [], "unknown"),
    ],
)
def test_role(node: Node, key: str, pod: Pod | None, sandbox: Sandbox | None, mounts: list[str], expected: str) -> None:
    assert role(held(node.key(key), mounts=mounts), node.host, pod, sandbox) == expected
    assert role(held(node.key(key), links=mounts), node.host, pod, sandbox) == expected


CNI = "/run/netns/cni-26d4bfd1-fdf6-8229-37cd-fbccc1cd416b"


@pytest.mark.parametrize(
    ("key", "pod", "sandbox", "pids", "mounts", "told", "expected", "reason"),
    [
        ("host", None, None, [1], [], True, "owned", "the node's own"),
        ("a", WEB, holder(41).sandbox, [41], [], True, "owned", "sandbox is ready"),
        ("a", WEB, holder(41, state="notready").sandbox, [41], [], True, "orphan", "sandbox is not ready"),
        ("a", WEB, holder(41, state="odd").sandbox, [41], [], True, "unknown", "does not say"),
        ("a", None, holder(41).sandbox, [41], [], True, "owned", "container is ready"),
        ("a", Pod("", "", UID), CGROUP, [41], [], True, "orphan", "no runtime knows a sandbox in it"),
        ("a", Pod("", "", UID), CGROUP, [41], [], False, "unknown", "no runtime could be asked"),
        ("a", None, CGROUP, [41], [], True, "unknown", "no runtime tells of"),
        ("a", None, None, [], [CNI], True, "orphan", "no sandbox has it"),
        ("a", None, None, [], [CNI], False, "unknown", "no runtime could be asked"),
        ("a", None, None, [], ["/run/docker/netns/0123456789ab"], True, "orphan", "no sandbox has it"),
        ("a", None, None, [], ["/run/netns/26d4bfd1-fdf6-8229-37cd-fbccc1cd416b"], True, "orphan", "no sandbox has it"),
        ("a", None, None, [41], [CNI], True, "owned", "a name of its own"),
        ("a", None, None, [], ["/run/netns/blue"], True, "owned", "a name of its own, blue"),
        ("a", None, None, [41], [], True, "unknown", "held by a process"),
    ],
)
def test_verdict(
    node: Node, key: str, pod: Pod | None, sandbox: Sandbox | None, pids: list[int], mounts: list[str], told: bool,
    expected: str, reason: str,
) -> None:  # fmt: skip
    word, why = verdict(held(node.key(key), pids=pids, mounts=mounts), node.host, pod, sandbox, told)
    assert (word, reason in why) == (expected, True), why


@pytest.mark.parametrize(
    ("name", "pids", "cgroup", "expected"),
    [
        ("a", [41], f"0::/kubepods/pod{UID}/{ID}", (ID, Pod("", "", UID))),
        ("a", [41], f"0::/docker/{ID}", (ID, None)),
        ("a", [41], "0::/user.slice", (None, None)),
        ("a", [], f"0::/kubepods/pod{UID}/{ID}", (None, None)),
    ],
)
def test_what_a_cgroup_tells(
    node: Node, name: str, pids: list[int], cgroup: str, expected: tuple[str | None, Pod | None]
) -> None:
    (node.base / "proc/41/cgroup").write_text(cgroup + "\n")
    sandbox, pod = inferred(node.place, Found(node.key(name), "", "", pids))
    assert (sandbox and sandbox.id, pod) == expected
    assert sandbox is None or (sandbox.source, sandbox.state, sandbox.runtime, sandbox.pid) == ("cgroup", "unknown", None, 41)


def test_a_static_pod_whose_pause_process_died(node: Node) -> None:
    """A runtime has its UID as a hash without dashes, and so has the cgroup that the kubelet makes."""
    uid = UID.replace("-", "")
    (node.base / "proc/41/cgroup").write_text(f"0::/kubepods/pod{uid}/{'ab' * 32}\n")
    dead = holder(state="notready", pod=Pod("kube-system", "etcd", uid))
    assert inferred(node.place, Found(node.key("a"), "", "", [41]), [dead]) == (dead.sandbox, dead.pod)
    assert inferred(node.place, Found(node.key("a"), "", "", [41]), [holder(state="notready", pod=Pod("a", "b", None))])[1] == Pod("", "", UID)


def test_names_live_linked_and_stale(node: Node) -> None:
    """The device of the recorded namespaces is that of the tree, so a stale name is one on another device, or on none."""
    folder = node.base / "root/run/netns"
    (folder / "alias").symlink_to("/run/netns/b")
    (folder / "relative").symlink_to("b")
    (folder / "dangling").symlink_to("/run/docker/netns/none")
    found = find(node)
    stale = names.read(node.place, found, node.host[0])
    assert node.names(found)["b"].links == ["/run/netns/alias", "/run/netns/relative"]
    assert {one.path: one.reason for one in stale} == {
        "/run/netns/dangling": "it is a link to /run/docker/netns/none, which is not there",
        "/run/netns/stale": "it is a link to /proc/version, which is not there",
    }


def test_a_name_that_was_only_being_made_or_removed_is_not_stale(node: Node) -> None:
    """A file is there before the namespace is mounted on it, and after."""
    stale = {one.path: one for one in names.read(node.place, find(node), node.host[0])}
    assert names.persists(node.place, stale["/run/netns/stale"], node.host[0])
    (node.base / "root/run/netns/stale").unlink()
    assert not names.persists(node.place, stale["/run/netns/stale"], node.host[0])
    (node.base / "root/run/netns/stale").touch()  # on the device that stands for nsfs
    assert not names.persists(node.place, stale["/run/netns/stale"], node.host[0])


def test_a_name_that_only_a_daemon_sees_mounted_is_not_stale(node: Node) -> None:
    """dockerd in mounts of its own: the node's file is a plain one, on another device than namespaces are, and so is a link's target."""
    (node.base / "root/run/netns/alias").symlink_to("/run/netns/b")
    found = find(node)
    found[node.key("b")].mounts = ["/proc/77/root/run/netns/b"]
    assert {one.path for one in names.read(node.place, found, device=0)} == {"/run/netns/host", "/run/netns/stale"}


def test_a_link_loop_is_a_stale_name(node: Node) -> None:
    (node.base / "root/run/netns/x").symlink_to("y")
    (node.base / "root/run/netns/y").symlink_to("x")
    assert {"/run/netns/x", "/run/netns/y"} <= {one.path for one in names.read(node.place, find(node), node.host[0])}


def interface(mac: str, *addresses: str, kind: str = "veth") -> Interface:
    found = tuple(Address("inet", address, 24, "global") for address in addresses)
    return Interface(2, "eth0", kind, "up", (), 1500, mac, (), None, found, None, None, None, None)


def namespace(inode: int, role: str, *interfaces: Interface) -> NetworkNamespace:
    pod = Pod("shop", f"pod-{inode}", None) if role == "pod" else None
    return NetworkNamespace(None, Namespace(inode, 4, None, None, ()), role, pod, None, "owned", interfaces)


A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


@pytest.mark.parametrize(
    ("one", "other", "codes"),
    [
        (namespace(1, "pod", interface(A, "10.0.0.1")), namespace(2, "pod", interface(B, "10.0.0.2")), []),
        (namespace(1, "pod", interface(A, "10.0.0.1")), namespace(2, "pod", interface(B, "10.0.0.1")), ["duplicate-address"]),
        (namespace(1, "pod", interface(A)), namespace(2, "host", interface(A)), ["duplicate-mac"]),
        (namespace(1, "pod", interface(A, "10.0.0.1")), namespace(2, "named", interface(A, "10.0.0.1")), []),
        (namespace(1, "pod", interface(A, kind="ipvlan")), namespace(2, "host", interface(A)), []),
        (namespace(1, "pod", interface(A, "10.0.0.1"), interface(A, "10.0.0.1")), namespace(2, "pod"), []),
        (namespace(1, "pod", interface("00:00:00:00:00:00")), namespace(2, "pod", interface("00:00:00:00:00:00")), []),
        (namespace(1, "pod", interface(A)._replace(master="bond0")), namespace(2, "pod", interface(A)), []),
        (namespace(1, "pod", interface(A, "fe80::1")), namespace(2, "pod", interface(B, "fe80::1")), []),
    ],
    ids=["none", "address", "mac", "a test's namespace", "ipvlan shares it", "twice in one namespace", "no mac", "a bond's port", "link-local"],
)
def test_duplicates_on_a_node(one: NetworkNamespace, other: NetworkNamespace, codes: list[str]) -> None:
    checked = crosscheck.duplicates([one, other])
    assert [[warning.code for warning in item.warnings] for item in checked] == [codes, codes]
    assert all("shop/pod-1" in warning.message for warning in checked[1].warnings)


def test_the_host_is_pid_1s_or_else_our_own(node: Node) -> None:
    warnings: list[Warning] = []
    assert (host_namespace(node.place, warnings), warnings) == (node.place.process(1, "ns", "net"), [])
    os.unlink(node.place.process(1, "ns", "net"))
    assert host_namespace(node.place, warnings) == os.path.join(node.place.proc, "self/ns/net")
    assert [warning.code for warning in warnings] == ["host-assumed"]


def test_whatever_holds_a_namespace_has_a_word_in_the_contract() -> None:
    lists = {name: [1] for name in ("pids", "threads", "mounts", "hidden", "descriptors", "sockets")}
    assert {*held((4, 1), **lists).held_by(), "nsid"} == set(WORDS["Namespace.heldBy"])


@pytest.mark.parametrize(("later", "hidden"), [(True, [((4, 99), "/covered")]), (False, [])])
def test_a_mount_that_has_gone_meanwhile_is_not_hidden(
    node: Node, monkeypatch: pytest.MonkeyPatch, later: bool, hidden: list[tuple[Key, str]]
) -> None:
    mount = processes.Mount(99, "/covered")
    readings = iter([[mount], [mount] if later else []])
    monkeypatch.setattr(processes, "mounts", lambda place, pid: next(readings))
    assert holders._mounts(node.place, 4, {}, False) == hidden
