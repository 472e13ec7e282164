"""Which namespaces there are, what holds each, and what is said of those that come, go, or were never there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from kubectl_netns.agent import holders
from kubectl_netns.agent.discover import survey
from kubectl_netns.agent.place import HERE
from kubectl_netns.agent.runtimes.base import Holder, RuntimeUnavailable
from kubectl_netns.model import NetworkNamespace, Pod, Sandbox
from kubectl_netns.questions import Clue, Question
from tests import oracle
from tests.conftest import netns
from tests.node.worlds import RUN, World, read, sh
from tests.soon import soon

HOLDERS = {
    "descriptor": """
        fd = os.open(PATH, os.O_RDONLY)
    """,
    "socket": """
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        fd = os.open(PATH, os.O_RDONLY)
        libc.setns(fd, 0x40000000)
        kept = socket.socket()
        libc.setns(home, 0x40000000)
        os.close(fd)
    """,
    "thread": """
        def stay():
            fd = os.open(PATH, os.O_RDONLY)
            libc.setns(fd, 0x40000000)
            os.close(fd)
            entered.set()
            time.sleep(60)
        entered = threading.Event()
        threading.Thread(target=stay, daemon=True).start()
        entered.wait()
    """,
    "process": """
        fd = os.open(PATH, os.O_RDONLY)
        libc.setns(fd, 0x40000000)
        os.close(fd)
    """,
    "mount": """
        libc.unshare(0x20000)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        open(f"/tmp/{NAME}", "w").close()
        subprocess.run(["mount", "--bind", PATH, f"/tmp/{NAME}"], check=True)
    """,
}


def hold(world: World, how: str, short: str) -> subprocess.Popen[bytes]:
    """A process that holds a namespace in one way only."""
    lines = [line[8:] for line in HOLDERS[how].splitlines()]
    program = "\n".join([
        "import ctypes, os, socket, subprocess, threading, time", "libc = ctypes.CDLL(None)",
        f"PATH, NAME = {world.path(short)!r}, {world.name(short)!r}", *lines, "print('ready', flush=True)", "time.sleep(60)",
    ])  # fmt: skip
    process = world.start(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    return process


def found(inode: int) -> list[NetworkNamespace]:
    return [one for one in read() if one.namespace.inode == inode]


@pytest.mark.parametrize("how", HOLDERS)
def test_what_holds_a_namespace_is_told_and_it_is_entered_that_way(world: World, how: str) -> None:
    """The name goes first, so that the holder is the only one."""
    world.add("a")
    inode = world.inode("a")
    world.ip("a", "link", "add", "inside", "type", "veth", "peer", "name", "too")
    process = hold(world, how, "a")
    assert set(found(inode)[0].namespace.held_by) == {how, "mount"}
    sh("umount", "--lazy", world.path("a"))
    (one,) = found(inode)
    elsewhere = [f"/proc/{process.pid}/root{path}" for path in (world.path("a"), f"/tmp/{world.name('a')}")]
    assert (one.namespace.held_by, one.namespace.names) == ((how,), tuple(elsewhere) if how == "mount" else ())
    assert [link.name for link in one.interfaces] == ["lo", "too", "inside"]
    process.kill()
    process.wait()
    soon(lambda: found(inode) == [], 5)
    Path(f"/tmp/{world.name('a')}").unlink(missing_ok=True)


@pytest.mark.parametrize("cover", ["a file", "a namespace"])
def test_a_mount_beneath_another_is_told(world: World, cover: str, tmp_path: Path) -> None:
    """It holds the namespace, and leads nowhere."""
    world.add("a", "top")
    (tmp_path / "file").touch()
    inode = world.inode("a")
    inside = "nsenter", f"--net={world.path('a')}", "sh", "-c", "echo ready; exec sleep 60"
    process = world.start(*inside, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    sh("mount", "--bind", str(tmp_path / "file") if cover == "a file" else world.path("top"), world.path("a"))
    try:
        (one,) = found(inode)
        assert (one.namespace.held_by, one.namespace.names, len(one.interfaces)) == (("process", "hidden-mount"), (), 1)
        process.kill()
        process.wait()
        (one,) = found(inode)
        assert (one.namespace.held_by, one.namespace.names, one.namespace.path) == (("hidden-mount",), (), None)
        assert (one.role, one.verdict, one.interfaces) == ("unknown", "unknown", ()) and world.path("a") in (one.reason or "")
        stale = [(item.verdict, f"net:[{inode}]" in (item.reason or "")) for item in read() if item.namespace.path == world.path("a")]
        assert stale == ([("stale", True)] if cover == "a file" else [])
        (top,) = found(world.inode("top"))
        assert set(top.namespace.names) == {world.path("top"), *([world.path("a")] if cover == "a namespace" else [])}
    finally:
        sh("umount", world.path("a"))
    assert found(inode)[0].namespace.names == (world.path("a"),)


def test_a_mount_that_only_one_of_two_mount_namespaces_sees(world: World) -> None:
    """Covered where we are, but not in a copy of our mounts."""
    world.add("a", "b")
    inode = world.inode("a")
    apart = "unshare", "--mount", "--propagation=private", "sh", "-c", "echo ready; exec sleep 60"
    process = world.start(*apart, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    sh("mount", "--bind", world.path("b"), world.path("a"))
    try:
        (one,) = found(inode)
        assert (one.namespace.held_by, one.namespace.names) == (("mount",), (f"/proc/{process.pid}/root{world.path('a')}",))
        assert [link.name for link in one.interfaces] == ["lo"]
    finally:
        sh("umount", world.path("a"))


def test_a_copy_of_a_mount_is_no_further_name(world: World, tmp_path: Path) -> None:
    """As in a pod of `kubectl debug`, which has the node's mounts below /host. It holds the namespace when the node's own is gone."""
    world.add("a")
    inode = world.inode("a")
    copy = "mount --rbind / $0 && mount --make-rprivate $0 && echo ready && exec sleep 60"
    process = world.start("unshare", "--mount", "--propagation=private", "sh", "-c", copy, str(tmp_path), stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    (one,) = found(inode)
    assert (one.namespace.held_by, one.namespace.names) == (("mount",), (world.path("a"),))
    sh("umount", world.path("a"))
    (one,) = found(inode)
    assert one.namespace.held_by == ("mount",) and len(one.namespace.names) == 1
    assert one.namespace.names[0].startswith(f"/proc/{process.pid}/root/")


LONELY = {  # a program that says an inode, and what it holds that by
    "its first thread has ended": ("thread", """
        def stay():
            libc.unshare(0x40000000)
            print(os.stat("/proc/thread-self/ns/net").st_ino, flush=True)
            time.sleep(60)
        threading.Thread(target=stay).start()
        time.sleep(0.2)
        libc.pthread_exit(None)
    """),
    "its first thread has ended, and all were in there": ("thread", """
        libc.unshare(0x40000000)
        def stay():
            time.sleep(0.4)
            print(os.stat("/proc/thread-self/ns/net").st_ino, flush=True)
            time.sleep(60)
        threading.Thread(target=stay).start()
        libc.pthread_exit(None)
    """),
    "an open tun": ("socket", """
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        libc.unshare(0x40000000)
        inode, tun = os.stat("/proc/thread-self/ns/net").st_ino, os.open("/dev/net/tun", os.O_RDWR)
        libc.setns(home, 0x40000000)
        print(inode, flush=True)
        time.sleep(60)
    """),
}


@pytest.mark.parametrize("case", LONELY)
def test_namespaces_that_no_process_shows(world: World, case: str) -> None:
    if case == "an open tun" and not Path("/dev/net/tun").exists():
        pytest.skip("this machine has no /dev/net/tun")
    held, program = LONELY[case]
    lines = [line[8:] for line in program.splitlines()]
    program = "\n".join(["import ctypes, os, threading, time", "libc = ctypes.CDLL(None)", *lines])
    process = world.start(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert process.stdout
    inode = int(process.stdout.readline())
    time.sleep(0.3)
    (one,) = found(inode)
    assert (one.namespace.held_by, [link.name for link in one.interfaces]) == ((held,), ["lo"])
    if held == "thread":
        answer = survey(HERE, Question(clues=(Clue("pid", str(process.pid)),)), [])
        assert [item.namespace.inode for item in answer.namespaces] == [inode]
        assert "namespace-unreadable" not in [warning.code for warning in answer.warnings]


def test_every_namespace_that_lsns_and_ip_know(world: World) -> None:
    world.add("named", "held")
    world.start("nsenter", f"--net={world.path('held')}", "sleep", "60")
    world.start("unshare", "--net", "sleep", "60")
    time.sleep(0.3)
    listed = oracle.namespaces(lambda words: sh(*words, check=False))
    named = {path.stat().st_ino for path in RUN.iterdir() if path.stat().st_dev == os.stat("/proc/self/ns/net").st_dev}
    ours = {one.namespace.inode: one for one in read() if one.namespace.inode is not None}
    assert set(ours) >= listed | named
    # lsns looks at processes only
    assert {inode for inode in set(ours) - listed - named if "process" in ours[inode].namespace.held_by} == set()
    assert (ours[world.inode("named")].role, ours[world.inode("named")].namespace.held_by) == ("named", ("mount",))
    assert ours[world.inode("held")].namespace.held_by == ("process", "mount")


def test_the_nsid_is_the_one_that_ip_shows(world: World) -> None:
    world.add("a", "b")
    world.veth_to_host("a")
    shown = {one["name"]: one.get("id") for one in json.loads(sh("ip", "-j", "netns"))}
    ours = {one.namespace.inode: one.namespace.nsid for one in read()}
    assert ours[world.inode("a")] == shown[world.name("a")] is not None
    assert ours[world.inode("b")] is None and shown[world.name("b")] is None


def test_a_link_to_a_namespace_is_one_of_its_names(world: World) -> None:
    world.add("a")
    alias = RUN / world.name("alias")
    alias.symlink_to(world.path("a"))
    try:
        (one,) = found(world.inode("a"))
        assert one.namespace.names == (world.path("a"), str(alias))
    finally:
        alias.unlink()


@pytest.mark.parametrize("kind", ["plain file", "dangling link", "link to a dead process"])
def test_a_stale_name_is_told_and_is_no_failure(root: None, kind: str) -> None:
    path = RUN / f"nt-stale-{os.getpid()}"
    RUN.mkdir(exist_ok=True)
    if kind == "plain file":
        path.touch()
    else:
        path.symlink_to("/run/netns/nt-none" if kind == "dangling link" else f"/proc/{1 << 22}/ns/net")
    try:
        (one,) = [one for one in read() if one.namespace.path == str(path)]
        assert (one.verdict, one.role, one.namespace.inode, one.interfaces) == ("stale", "named", None, ())
        assert one.reason and ("plain file" if kind == "plain file" else "is not there") in one.reason
        answer = netns("--local", "list")
        assert answer.status == 0 and path.name in answer.out
    finally:
        path.unlink()


NASTY = "red\x1b[31m\x07\ttab\x0bvt"


def test_control_characters_are_escaped_on_screen_and_exact_in_json(world: World) -> None:
    world.add(f"a{NASTY}")
    world.ip(f"a{NASTY}", "link", "add", "x\x1b[2Jy", "type", "veth", "peer", "name", "p")
    world.ip(f"a{NASTY}", "link", "set", "p", "alias", NASTY)
    for output in ("table", "wide", "ip", "name"):
        text = netns("--local", "list", "-o", output).out
        assert all(char.isprintable() or char == "\n" for char in text), output
        assert "\\x1b" in text
    items = netns("--local", "list", "-o", "json").json["items"]
    (mine,) = (one for one in items if one["namespace"]["inode"] == world.inode(f"a{NASTY}"))
    assert mine["namespace"]["path"] == world.path(f"a{NASTY}")
    links = {one["name"]: one for one in mine["interfaces"]}
    assert links["p"]["alias"] == NASTY and "x\x1b[2Jy" in links


def test_a_name_that_is_not_utf8(world: World) -> None:
    name = world.name("odd").encode() + b"\xff"
    sh("ip", "netns", "add", os.fsdecode(name))
    try:
        (one,) = [one for one in read() if one.namespace.path and one.namespace.path.startswith(world.path("odd"))]
        assert os.fsencode(one.namespace.path or "") == b"/run/netns/" + name
        assert netns("--local", "list", "-o", "json").status == netns("--local", "list").status == 0
        assert netns("--local", "list", "-o", "yaml").status == 0
    finally:
        sh("ip", "netns", "del", os.fsdecode(name))


def test_nothing_is_pinned(world: World) -> None:
    world.add("a")
    outside = world.veth_to_host("a")
    assert netns("--local", "list").status == 0
    sh("ip", "netns", "del", world.name("a"))
    soon(lambda: outside not in sh("ip", "-br", "link"), 5)


def test_namespaces_that_come_and_go_are_no_failure(world: World) -> None:
    """Reads on while others are made, filled and deleted: what stays is always there, and nothing fails."""
    world.add("stays")
    ended = threading.Event()

    def churn() -> None:
        while not ended.is_set():
            world.add("brief")
            world.ip("brief", "link", "add", "x", "type", "veth", "peer", "name", "y")
            sh("ip", "netns", "del", world.name("brief"))

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        for _ in range(60):
            assert world.inode("stays") in {one.namespace.inode for one in read()}
    finally:
        ended.set()
        worker.join()


def test_a_process_that_ends_while_others_live_on_in_its_namespace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at /proc and the visit: the namespace is not gone with the way into it that was noted."""
    first = world.start("unshare", "--net", "sleep", "60")
    way = Path(f"/proc/{first.pid}/ns/net")
    deadline = time.monotonic() + 5
    while way.stat().st_ino == os.stat("/proc/self/ns/net").st_ino and time.monotonic() < deadline:
        time.sleep(0.05)
    inode = way.stat().st_ino
    second = world.start("nsenter", f"--net={way}", "sleep", "60")
    while os.stat(f"/proc/{second.pid}/ns/net").st_ino != inode and time.monotonic() < deadline:
        time.sleep(0.05)
    assert first.pid < second.pid
    find = holders.find

    def found_then_ended(*words: Any) -> Any:
        looked = find(*words)
        first.kill()
        first.wait()
        return looked

    monkeypatch.setattr(holders, "find", found_then_ended)
    (one,) = found(inode)
    assert (one.process and one.process.pid, one.namespace.path) == (second.pid, f"/proc/{second.pid}/ns/net")


def test_a_namespace_of_another_user_namespace(world: World) -> None:
    """Of a pod with a user namespace of its own: entered from the node's."""
    process = world.start("unshare", "--user", "--map-root-user", "--net", "sh", "-c", "ip link set lo up; exec sleep 60")
    soon(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino, 5)
    time.sleep(0.2)
    (one,) = found(os.stat(f"/proc/{process.pid}/ns/net").st_ino)
    assert [(link.name, link.state) for link in one.interfaces] == [("lo", "up")]


def test_without_the_rights_it_says_so(world: World) -> None:
    world.add("a")
    answer = netns("--local", "list", prefix=("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"))
    assert answer.status == 6
    assert "needs root" in answer.err


class Restarting:
    """A runtime whose first answer is out of date: the sandbox that it names is gone when it is entered."""

    def __init__(self, *answers: Holder) -> None:
        self.answers = list(answers)

    def holders(self, pods: object) -> list[Holder]:
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


def sandbox(path: str, attempt: int) -> Holder:
    pod = Pod("shop", "web", "u", host_network=False)
    return Holder(Sandbox(f"{attempt}" * 64, "containerd", "ready", None, attempt, None, "cri"), pod, path)


def test_sandbox_restarted_between_look_up_and_entry(world: World) -> None:
    world.add("new")
    runtime = Restarting(sandbox(world.path("old"), 0), sandbox(world.path("new"), 1))
    (one,) = survey(HERE, Question((Pod("shop", "web", "u"),)), [runtime]).namespaces
    assert (one.namespace.inode, one.sandbox and one.sandbox.attempt) == (world.inode("new"), 1)
    assert survey(HERE, Question((Pod("shop", "web", "u"),)), [Restarting(sandbox(world.path("old"), 0))]).namespaces == ()


def host_pod(pid: int | None, host_network: bool) -> Holder:
    state = "ready" if pid else "notready"
    return Holder(Sandbox("9" * 64, "docker", state, pid, 0, None, "docker"), Pod("shop", "web", "u", host_network=host_network), None)


def test_whether_a_pod_is_on_the_nodes_network_is_the_kernels_word(world: World) -> None:
    """As after `unshare --net` in a pause container of the node's network, and `nsenter -t 1 -n` in one with its own."""
    inside = world.start("unshare", "--net", "sleep", "60")
    outside = world.start("sleep", "60")
    time.sleep(0.3)
    elsewhere, host = (os.stat(f"/proc/{process.pid}/ns/net").st_ino for process in (inside, outside))
    expected = {
        (outside.pid, True): (host, "host", "owned", []),
        (inside.pid, True): (elsewhere, "pod", "owned", ["host-network-mismatch"]),
        (outside.pid, False): (host, "host", "owned", ["host-network-mismatch"]),
        (None, True): (host, "host", "unknown", []),
    }
    for (pid, said), (inode, role, verdict, codes) in expected.items():
        (one,) = survey(HERE, Question((Pod("shop", "web", "u"),)), [Restarting(host_pod(pid, said))]).namespaces
        told = [warning.code for warning in one.warnings if warning.code != "peer-unconfirmed"]
        assert (one.namespace.inode, one.role, one.verdict, told) == (inode, role, verdict, codes)


class Told:
    """A runtime that tells of no sandboxes, or fails to."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def holders(self, pods: object) -> list[Holder]:
        if self.fails:
            raise RuntimeUnavailable("CRI at /s: timed out")
        return []


@pytest.mark.parametrize(("runtimes", "verdict"), [([Told()], "orphan"), ([Told(fails=True)], "unknown"), ([], "unknown"),
                                                   ([Told(), Told(fails=True)], "unknown")])  # fmt: skip
def test_an_orphan_is_only_what_every_runtime_denies(runtimes: list[Told], verdict: str) -> None:
    """A name as CNI plug-ins give it. Where a runtime was not heard, the sandbox may be its."""
    name = f"cni-{uuid.uuid4()}"
    sh("ip", "netns", "add", name)
    try:
        (one,) = [one for one in survey(HERE, Question(), list(runtimes)).namespaces if one.namespace.path == f"/run/netns/{name}"]
        assert one.verdict == verdict
    finally:
        sh("ip", "netns", "del", name)


@pytest.mark.parametrize("how", ["socket", "descriptor", "process"])
def test_after_a_survey_nothing_is_open(world: World, how: str) -> None:
    """An open descriptor of a namespace, or a socket in it, would keep a deleted pod's veth alive."""
    world.add("a")
    hold(world, how, "a")
    read()
    before = {name: os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}
    read()
    after = {name: os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}
    assert len(after) == len(before)
    assert not any(text.startswith("net:[") for text in after.values())


def test_no_file_is_touched_that_cannot_be_a_namespace_s(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file server that is gone would keep whoever asks for one of its files, and the answer with him."""
    world.add("a")
    (tmp_path / "file").write_text("")
    program = f"import time; kept = open({str(tmp_path / 'file')!r}), open({world.path('a')!r}, 'rb'); print('ready', flush=True); time.sleep(60)"
    process = world.start(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    asked: list[str] = []
    key_at = holders.key_at
    monkeypatch.setattr(holders, "key_at", lambda path: [asked.append(path), key_at(path)][1])
    (one,) = found(world.inode("a"))
    assert "descriptor" in one.namespace.held_by
    descriptors = {os.readlink(path) for path in asked if path.startswith(f"/proc/{process.pid}/fd/")}
    assert descriptors == {world.path("a")}
