"""The story with nodes that answer from memory: what is asked of which node, and that every one of them is closed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from kubectl_netns.client import survey
from kubectl_netns.client.agent_pod import Spec
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.errors import ExitStatus, Interrupted, NetnsError, NodeError, NoNamespaceError, NotFoundError, RefusedError
from kubectl_netns.model import Pod, Warning
from kubectl_netns.questions import Answer, Question
from tests.unit.facts import CONTAINERD, DOCKER, HOST


def api_pod(name: str, node: str, ip: str = "10.244.2.14") -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name, "uid": f"uid-{name}"}, "spec": {"nodeName": node},
            "status": {"phase": "Running", "podIP": ip}}  # fmt: skip


LABELS = {"by-label": {"kubernetes.io/os": "windows"}, "virtual": {"type": "virtual-kubelet"},
          "fargate": {"eks.amazonaws.com/compute-type": "fargate"}}  # fmt: skip


@dataclass
class Api:
    """An API server with pods and nodes by name."""

    pods_by_name: dict[str, dict[str, Any]]
    namespace: str = "shop"

    def pod(self, namespace: str, name: str) -> dict[str, Any]:
        if name not in self.pods_by_name:
            raise NotFoundError(f"no pod {name}")
        return self.pods_by_name[name]

    def pods(self, namespace: str | None, **selectors: str) -> Iterator[dict[str, Any]]:
        node = selectors.get("fieldSelector", "").partition("=")[2]
        return (pod for pod in self.pods_by_name.values() if not node or pod["spec"]["nodeName"] == node)

    def nodes(self) -> Iterator[dict[str, Any]]:
        return (self.node(name) for name in sorted({pod["spec"]["nodeName"] for pod in self.pods_by_name.values()}))

    def lease_age(self, name: str) -> float | None:
        return 500.0 if name == "silent" else None if name == "a" else 5.0

    def node(self, name: str) -> dict[str, Any]:
        if name == "none":
            raise NotFoundError("no node none")
        conditions = [{"type": "Ready", "status": "False" if name == "sick" else "True"}]
        info = {"containerRuntimeVersion": "x://1", **({"operatingSystem": "windows"} if name == "windows" else {})}
        return {"metadata": {"name": name, "labels": LABELS.get(name)}, "status": {"nodeInfo": info, "conditions": conditions}}


@dataclass
class Fake:
    """A node; `says` is its answer, or what it raises."""

    name: str
    says: Answer | BaseException
    asked: list[Question] = field(default_factory=list)
    closed: int = 0

    def ask(self, question: Question, progress: Any) -> Answer:
        self.asked.append(question)
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says

    def close(self) -> None:
        self.closed += 1


def item(name: str, template: Any = CONTAINERD) -> Any:
    return template._replace(node=None, pod=Pod("shop", name, f"uid-{name}", (), False))


class Stage:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, nodes: dict[str, Answer | BaseException], pods: dict[str, str]) -> None:
        self.nodes = {name: Fake(name, says) for name, says in nodes.items()}
        monkeypatch.setattr(survey, "ClusterNode", lambda cluster, kubectl, facts, spec, kept: self.nodes[facts["metadata"]["name"]])
        api = Api({name: api_pod(name, node) for name, node in pods.items()})
        self.reach = survey.Reach(cast(Cluster, api), Kubectl("kubectl", Connection()), Spec("image", "ns", 5.0), lambda text: None)


def answer(*items: Any, warnings: tuple[Warning, ...] = ()) -> Answer:
    return Answer("linux/amd64", items, warnings)


def test_each_node_is_asked_once_and_the_order_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer(item("x"), item("z")), "b": answer(item("y"))}, {"x": "a", "y": "b", "z": "a"})
    report = survey.pods(stage.reach, ["z", "y", "x", "pod/z"], None)
    assert [(one.node, one.pod and one.pod.name) for one in report.items] == [("a", "z"), ("b", "y"), ("a", "x")]
    assert [[pod.name for pod in question.pods or ()] for question in stage.nodes["a"].asked] == [["z", "x"]]
    assert all(node.closed for node in stage.nodes.values())
    assert report.errors == ()


def test_one_node_that_fails_does_not_spoil_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": NodeError("broken"), "b": answer(item("y"))}, {"x": "a", "y": "b"})
    report = survey.pods(stage.reach, ["x", "y", "nobody"], None)
    assert [one.pod and one.pod.name for one in report.items] == ["y"]
    assert [error.message for error in report.errors] == ["no pod nobody", "broken"]
    assert all(node.closed for node in stage.nodes.values())


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()])
def test_whatever_happens_every_agent_is_closed(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    stage = Stage(monkeypatch, {"a": error, "b": answer(item("y"))}, {"x": "a", "y": "b"})
    with pytest.raises(type(error)):
        survey.pods(stage.reach, ["x", "y"], None)
    assert all(node.closed for node in stage.nodes.values())


@pytest.mark.parametrize("request_", ["pod", "node", "lease_age"])
def test_an_interrupt_is_not_taken_for_one_pods_failure(monkeypatch: pytest.MonkeyPatch, request_: str) -> None:
    """The signal comes while the main thread waits for the API server: no other word is tried, no agent made."""
    stage = Stage(monkeypatch, {"a": answer(item("x")), "b": answer(item("y"))}, {"x": "a", "y": "b"})
    asked: list[str] = []

    def interrupted(*words: str) -> None:
        asked.append(words[-1])
        raise Interrupted("interrupted by SIGINT")

    monkeypatch.setattr(stage.reach.cluster, request_, interrupted)
    with pytest.raises(Interrupted):
        survey.pods(stage.reach, ["x", "y"], None)
    assert len(asked) == 1 or request_ != "pod"
    assert not any(node.asked for node in stage.nodes.values())


@pytest.mark.parametrize("says", [answer(item("x")), KeyboardInterrupt()], ids=["answered", "interrupted"])
def test_an_agent_that_cannot_be_deleted_is_told(monkeypatch: pytest.MonkeyPatch, says: Answer | BaseException) -> None:
    """Beside the answer, which is good; and also after a Ctrl-C."""
    stage = Stage(monkeypatch, {"a": says}, {"x": "a"})

    def fail() -> None:
        raise RefusedError("forbidden")

    monkeypatch.setattr(stage.nodes["a"], "close", fail)
    if isinstance(says, Answer):
        report = survey.pods(stage.reach, ["x"], None)
        assert len(report.items) == 1
        (error,) = report.errors
    else:
        with pytest.raises(RefusedError) as caught:
            survey.pods(stage.reach, ["x"], None)
        error = caught.value
    assert "could not be deleted: forbidden" in error.message and "cleanup" in (error.hint or "")


def test_a_pod_that_the_node_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer()}, {"x": "a"})
    (error,) = survey.pods(stage.reach, ["x"], None).errors
    assert isinstance(error, NoNamespaceError)


def test_a_nodes_pods_get_the_api_servers_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer(HOST, item("x"), item("stranger", DOCKER), warnings=(Warning("w", "careful"),))}, {"x": "a"})
    report = survey.nodes(stage.reach, ["a"])
    assert [one.node for one in report.items] == ["a"] * 3
    assert [one.pod and one.pod.ips for one in report.items] == [None, ("10.244.2.14",), ()]


def test_the_host_is_nobodys_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for a node, its own namespace stays its own, also where a pod with the host's network is in it."""
    shared = HOST._replace(pod=Pod("shop", "x", "uid-x", (), True))
    report = survey.nodes(Stage(monkeypatch, {"a": answer(shared)}, {"x": "a"}).reach, ["a"])
    assert [(one.role, one.pod and one.pod.ips, one.warnings) for one in report.items] == [("host", (), ())]


def test_the_rest_of_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer(HOST, item("x"), item("stranger", DOCKER), warnings=(Warning("w", "careful"),))}, {"x": "a"})
    report = survey.nodes(stage.reach, ["a"])
    assert report.warnings == (Warning("w", "a: careful"),)


@pytest.mark.parametrize(("name", "said"), [
    ("none", "no node none"), ("sick", "is not ready"), ("silent", "lease"), ("windows", "runs windows"), ("by-label", "Linux's"),
    ("virtual", "is virtual"), ("fargate", "is virtual"),
])  # fmt: skip
def test_a_node_that_cannot_be_asked_gets_no_agent(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    stage = Stage(monkeypatch, {name: answer(), "a": answer(HOST)}, {})
    report = survey.nodes(stage.reach, [name, "a"])
    assert len(report.errors) == 1 and len(report.items) == 1 and said in report.errors[0].message
    assert stage.nodes[name].asked == [] and stage.nodes[name].closed == 0


@pytest.mark.parametrize(("word", "hint"), [
    ("nod-a", "did you mean node-ab?"), ("node-a", "did you mean node-a.example?"), ("xyz", "`kubectl get nodes` shows their names"),
    ("forbidden", "`kubectl get nodes` shows their names"),
])  # fmt: skip
def test_a_node_that_is_called_nearly_so_is_offered(monkeypatch: pytest.MonkeyPatch, word: str, hint: str) -> None:
    stage = Stage(monkeypatch, {}, {})

    def no(name: str) -> Any:
        raise NotFoundError(f'no node "{name}"')

    def nodes() -> Iterator[dict[str, Any]]:
        if word == "forbidden":
            raise RefusedError("you may not list nodes")
        yield from ({"metadata": {"name": name}} for name in ("node-a.example", "node-ab", "gpu-1"))

    monkeypatch.setattr(stage.reach.cluster, "node", no)
    monkeypatch.setattr(stage.reach.cluster, "nodes", nodes)
    (error,) = survey.nodes(stage.reach, [word]).errors
    assert (error.message, error.hint, error.status) == (f'no node "{word}"', hint, ExitStatus.NOT_FOUND)


@pytest.mark.parametrize(("ips", "codes"), [
    (("10.244.2.14",), []), ((), []), (("10.244.2.14", "fd00::9"), ["pod-ip-missing"]), (("10.9.9.9",), ["pod-ip-missing"]),
])  # fmt: skip
def test_the_api_servers_addresses_are_looked_for_inside(ips: tuple[str, ...], codes: list[str]) -> None:
    completed = survey.complete(CONTAINERD, "a", Pod("shop", "web", "u", ips, False))
    assert [warning.code for warning in completed.warnings] == codes


def test_a_hundred_nodes_take_little_more_than_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated transports: 99 nodes that take 0.05 s and one that takes 0.6."""
    names = [f"node-{number:03}" for number in range(100)]
    stage = Stage(monkeypatch, {name: answer(HOST) for name in names}, {f"pod-{name}": name for name in names})
    at_once, most = [0], [0]

    def slow(node: Fake) -> Any:
        def ask(question: Question, progress: Any) -> Answer:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            time.sleep(0.6 if node.name == "node-000" else 0.05)
            at_once[0] -= 1
            return answer(HOST)

        return ask

    for node in stage.nodes.values():
        monkeypatch.setattr(node, "ask", slow(node))
    said: list[str] = []
    begun = time.monotonic()
    report = survey.nodes(replace(stage.reach, progress=said.append), None)
    assert time.monotonic() - begun < 1.5 and 1 < most[0] <= survey.PARALLEL
    assert [item.node for item in report.items] == names
    assert said[-2].startswith("100 of 100 nodes have answered")
    assert all(node.closed for node in stage.nodes.values())


def test_a_hundred_nodes_are_looked_up_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server 30 ms away, asked three times for each node: one after another would take nine seconds."""
    names = [f"node-{number:03}" for number in range(100)]
    stage = Stage(monkeypatch, {name: answer(HOST) for name in names}, {f"pod-{name}": name for name in names})

    def distant(method: Any) -> Any:
        return lambda *words, **selectors: (time.sleep(0.03), method(*words, **selectors))[1]

    for name in ("node", "lease_age", "pods"):
        monkeypatch.setattr(stage.reach.cluster, name, distant(getattr(stage.reach.cluster, name)))
    begun = time.monotonic()
    assert len(survey.nodes(stage.reach, names).items) == 100
    assert time.monotonic() - begun < 2


def test_without_the_right_to_list_pods_the_runtimes_words_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer(HOST, item("x"))}, {"x": "a"})

    def refuse(namespace: str | None, **selectors: str) -> None:
        raise RefusedError("the cluster does not let you list pods")

    monkeypatch.setattr(stage.reach.cluster, "pods", refuse)
    report = survey.nodes(stage.reach, ["a"])
    assert [one.pod and one.pod.name for one in report.items] == [None, "x"]
    (error,) = report.errors
    assert "does not let you list pods" in error.message and "as its runtime knows them" in error.message


def test_all_nodes_with_one_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer(HOST), "sick": answer(), "b": NodeError("broken")}, {"x": "a", "y": "sick", "z": "b"})
    report = survey.nodes(stage.reach, None)
    assert [item.node for item in report.items] == ["a"]
    assert len(report.errors) == 2


def test_a_deletion_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": answer(item("x"))}, {"x": "a"})
    tries: list[int] = []

    def close() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise NetnsError("the API server is gone")

    monkeypatch.setattr(stage.nodes["a"], "close", close)
    assert len(survey.pods(stage.reach, ["x"], None).items) == 1 and len(tries) == 2
