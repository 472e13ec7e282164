"""Which of the namespaces that were found a command enters."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_netns.agent import entrance
from kubectl_netns.agent.place import HERE
from kubectl_netns.execution import Execution
from kubectl_netns.model import Namespace, NetworkNamespace, Pod, Sandbox
from kubectl_netns.questions import Answer

NAME = Execution(Pod("", "web", None), ("true",), "auto", False, None)


def item(inode: int, namespace: str, state: str, uid: str, attempt: int = 0) -> NetworkNamespace:
    sandbox = Sandbox(f"{inode}", "containerd", state, None, attempt, None, "cri")
    pod = Pod(namespace, "web", uid)
    return NetworkNamespace(None, Namespace(inode, 4, "/n", None, (), ()), "pod", pod, sandbox, "owned", ())


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[NetworkNamespace]:
    """What is tried, in turn."""
    tried: list[NetworkNamespace] = []
    monkeypatch.setattr(entrance, "_job", lambda place, execution, one: tried.append(one))
    return tried


def told(monkeypatch: pytest.MonkeyPatch, *items: NetworkNamespace) -> None:
    monkeypatch.setattr(entrance, "survey", lambda place, question: Answer("linux/amd64", items))


def test_former_pods_of_the_name_are_not_entered(monkeypatch: pytest.MonkeyPatch, entered: list[NetworkNamespace]) -> None:
    """On a machine without a cluster the name is all there is; the runtime remembers deleted pods, whose namespaces may be held."""
    present = item(3, "shop", "ready", "present")
    told(monkeypatch, item(1, "shop", "notready", "former"), item(2, "other", "notready", "elsewhere"), present)
    entrance.prepare(HERE, NAME)
    assert entered == [present]


def test_of_those_that_are_all_former_the_newest(monkeypatch: pytest.MonkeyPatch, entered: list[NetworkNamespace]) -> None:
    newest = item(2, "shop", "notready", "b", attempt=2)
    told(monkeypatch, item(1, "shop", "notready", "a"), newest)
    entrance.prepare(HERE, NAME)
    assert entered == [newest]


def test_two_namespaces_have_one_now(monkeypatch: pytest.MonkeyPatch, entered: list[NetworkNamespace]) -> None:
    told(monkeypatch, item(1, "shop", "ready", "a"), item(2, "other", "ready", "b"))
    with pytest.raises(entrance.Refusal, match="other/web, shop/web") as refused:
        entrance.prepare(HERE, NAME)
    assert refused.value.code == "ambiguous" and entered == []


def test_one_that_ends_meanwhile_is_looked_up_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def gone(*_: object) -> None:
        looks.append(1)
        raise FileNotFoundError

    monkeypatch.setattr(entrance, "_job", gone)
    told(monkeypatch, item(1, "shop", "ready", "a"))
    with pytest.raises(entrance.Refusal, match="no sandbox here now") as refused:
        entrance.prepare(HERE, NAME)
    assert refused.value.code == "no-namespace" and len(looks) == 2


def test_a_file_that_has_become_another_namespace_s_is_not_entered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The path may be a newer pod's by now: what was opened counts, and it is closed where it is refused."""
    file = tmp_path / "ns"
    file.touch()
    status = file.stat()
    monkeypatch.setattr(entrance.scenery, "sources", lambda place, one: {})
    right = item(1, "shop", "ready", "a")._replace(namespace=Namespace(status.st_ino, status.st_dev, str(file), None, (), ()))
    before = len(os.listdir("/proc/self/fd"))
    job = entrance._job(HERE, NAME, right)
    assert job.key == (status.st_dev, status.st_ino) == entrance.key_of(job.namespace)
    os.close(job.namespace)
    for inode, device in (status.st_ino + 1, status.st_dev), (status.st_ino, status.st_dev + 1):
        with pytest.raises(FileNotFoundError):
            entrance._job(HERE, NAME, right._replace(namespace=right.namespace._replace(inode=inode, device=device)))
    assert len(os.listdir("/proc/self/fd")) == before


def test_preparing_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch)
    before = len(os.listdir("/proc/self/fd"))
    preparing = entrance.Preparing(HERE, NAME)
    assert os.read(preparing.ready, 1) == b"" and preparing.done
    with pytest.raises(entrance.Refusal, match="no sandbox here now"):
        preparing.result()
    assert len(os.listdir("/proc/self/fd")) == before


def test_files_that_cannot_be_looked_for_leave_nothing_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise FileNotFoundError

    file = tmp_path / "ns"
    file.touch()
    status = file.stat()
    monkeypatch.setattr(entrance.scenery, "sources", fail)
    one = item(1, "shop", "ready", "a")._replace(namespace=Namespace(status.st_ino, status.st_dev, str(file), None, (), ()))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        entrance._job(HERE, NAME, one)
    assert len(os.listdir("/proc/self/fd")) == before
