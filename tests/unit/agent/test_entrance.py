"""Which of the namespaces that were found a command enters."""

from __future__ import annotations

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
