"""Where a command is looked for, what is said where it is not, and what the view of it is made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_netns.agent import scenery, supervisor, tools
from kubectl_netns.agent.place import HERE, NODE
from kubectl_netns.agent.processes import CgroupOwner
from kubectl_netns.model import Namespace, NetworkNamespace, Pod, Sandbox


def program(folder: Path, name: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(mode)
    return folder / name


def kit(*folders: Path, words: str = "the tools") -> tools.Kit:
    return tools.Kit("node", words, {"PATH": ":".join(map(str, folders))})


def test_the_first_that_can_be_run(tmp_path: Path) -> None:
    program(tmp_path / "a", "x", 0o644)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/x").mkdir()
    wanted = program(tmp_path / "c", "x")
    assert tools.choose(HERE, [kit(tmp_path / "a", tmp_path / "b"), kit(tmp_path / "c")], "x")[1] == str(wanted)
    assert tools.choose(HERE, [kit()], str(wanted))[1] == str(wanted)


@pytest.mark.parametrize(("command", "code", "said"), [
    ("y", "no-command", '"y" is neither among one ({0}/a) nor among two ({0}/b)'),
    ("./no/such", "no-command", '"./no/such" is neither among one nor among two'),
    ("", "no-command", '"" is neither among'),
    ("x", "not-executable", "{0}/a/x (one) is not executable"),
    ("/", "not-executable", "/ (one) is a folder"),
    ("x/y", "no-command", '"x/y" is neither'),
])  # fmt: skip
def test_what_is_searched_is_told(tmp_path: Path, command: str, code: str, said: str) -> None:
    program(tmp_path / "a", "x", 0o644)
    with pytest.raises(tools.Unusable) as caught:
        tools.choose(HERE, [kit(tmp_path / "a", words="one"), kit(tmp_path / "b", words="two")], command)
    assert caught.value.code == code and str(caught.value).startswith(said.format(tmp_path))


def test_whose_tools() -> None:
    own = {"PATH": "/image/bin", "PYTHON_VERSION": "3"}
    node, image = tools.kits(NODE, "auto", own)
    assert (node.name, node.process, image.name, image.path) == ("node", 1, "image", "/image/bin")
    assert "PYTHON_VERSION" not in node.environment and image.environment["PYTHON_VERSION"] == "3"
    assert [one.name for one in tools.kits(NODE, "node", own)] == ["node"]
    assert [one.name for one in tools.kits(NODE, "image", own)] == ["image"]
    (here,) = tools.kits(HERE, "auto", own)
    assert here.process is None and here.environment == own


@pytest.mark.parametrize(("before", "after"), [
    (b"passwd: files\nhosts:          files resolve [!UNAVAIL=return] dns\nnetworks: files\n", b"passwd: files\nhosts: files dns\nnetworks: files\n"),
    (b" hosts: mymachines dns", b"hosts: files dns"),
])  # fmt: skip
def test_the_c_library_asks_the_pods_resolver(monkeypatch: pytest.MonkeyPatch, before: bytes, after: bytes) -> None:
    monkeypatch.setattr(scenery, "_held", lambda path: 0)
    monkeypatch.setattr(scenery, "_content", lambda held: before)
    assert scenery._switch({scenery.RESOLVER: b""}) == {scenery.SWITCH: after}
    assert scenery._switch({}) == {}


UID, ID, OTHER = "8f0c-11", "a" * 64, "b" * 64
APP, PAUSE, STRANGER, NOWHERE = CgroupOwner("8f0c11", OTHER), CgroupOwner("8f0c11", ID), CgroupOwner("77", ID), CgroupOwner(None, None)


@pytest.mark.parametrize(("owners", "pid", "uid", "resolver", "hosts"), [
    ({10: APP, 11: PAUSE, 12: STRANGER}, None, UID, [11, 10], [10]),
    ({10: APP, 11: APP, 12: NOWHERE}, 11, UID, [11, 10], [10]),
    ({10: APP, 11: NOWHERE, 12: NOWHERE}, 11, UID, [11, 10], [10]),
    ({10: APP, 12: NOWHERE}, 11, UID, [10], [10]),
    ({10: APP, 12: NOWHERE}, None, None, [], []),
], ids=["by its cgroup", "by the runtime's word", "by that alone", "ended", "unknown"])  # fmt: skip
def test_in_which_processes_a_pods_files_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, owners: dict[int, CgroupOwner], pid: int | None, uid: str | None, resolver: list[int], hosts: list[int]
) -> None:
    """The pause process first, and never for /etc/hosts; nobody of another pod."""
    monkeypatch.setattr(scenery.processes, "by_namespace", lambda place: {(4, 7): list(owners), (4, 8): [99]})
    monkeypatch.setattr(scenery.processes, "cgroup_owner", lambda place, one: owners[one])
    sandbox = Sandbox(ID, "containerd", "ready", pid, 0, None, "cri")
    item = NetworkNamespace(None, Namespace(7, 4, "/n", None, (), ()), "pod", Pod("shop", "web", uid), sandbox, "owned", ())
    assert scenery.sources(HERE, item) == {scenery.RESOLVER: resolver, scenery.HOSTS: hosts}


def test_what_is_read_of_a_pods_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for size, taken in (0, True), (scenery.LARGEST, True), (scenery.LARGEST + 1, False):
        file.write_bytes(bytes(size))
        held = scenery._held(str(file))
        assert held is not None and scenery._content(held) == (file.read_bytes() if taken else None)
    os.mkfifo(tmp_path / "pipe")
    for other in "pipe", ".":
        held = scenery._held(str(tmp_path / other))
        assert held is not None and scenery._content(held) is None


def test_children_are_ours_alone() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    assert child in supervisor.children() and os.getppid() not in supervisor.children()
    os.waitpid(child, 0)
    assert child not in supervisor.children()


def test_what_is_mounted_below(tmp_path: Path) -> None:
    points = list(scenery._mounted_under("/"))
    assert "/" not in points and not any(one.startswith(f"{other}/") for one in points for other in points)
