"""Which nodes a search visits, and what is said when it finds nothing: nodes answer from memory, the API server too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kubectl_netns.client import readings, search, survey
from kubectl_netns.client.agent_pod import Spec
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.client.search import Search
from kubectl_netns.errors import ExitStatus, NodeError, RefusedError
from kubectl_netns.model import Match, Pod, Warning
from kubectl_netns.questions import Answer, Question
from tests.unit.client.test_survey import Fake
from tests.unit.facts import CONTAINERD, HOST

ID, OLD = "ab" * 32, "cd" * 32


def api_pod(name: str, node: str | None, *ips: str, **status: Any) -> dict[str, Any]:
    """With one container, ID by default that of the name repeated."""
    host = status.pop("host", False)
    addresses = {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]} if ips else {}
    return {"metadata": {"namespace": "shop", "name": name, "uid": f"uid-{name}"},
            "spec": {"hostNetwork": host, **({"nodeName": node} if node else {})},
            "status": {"phase": "Running", **addresses, **status}}  # fmt: skip


@dataclass
class Api:
    """An API server that knows the selectors status.podIP (of the first address) and spec.nodeName, as the real one does."""

    all_pods: list[dict[str, Any]]
    forbidden: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    namespace: str = "default"

    def pods(self, namespace: str | None, **selectors: str) -> Iterator[dict[str, Any]]:
        self.asked.append(selectors)
        if self.forbidden and namespace is None:
            raise RefusedError("you may not list pods")
        key, _, value = selectors.get("fieldSelector", "").partition("=")
        found = {"": lambda pod: True, "status.podIP": lambda pod: pod["status"].get("podIP") == value,
                 "spec.nodeName": lambda pod: pod["spec"].get("nodeName") == value}[key]  # fmt: skip
        return iter([pod for pod in self.all_pods if found(pod) and namespace in (None, pod["metadata"]["namespace"])])

    def nodes(self) -> Iterator[dict[str, Any]]:
        return (self.node(name) for name in ("a", "b", "c"))

    def node(self, name: str) -> dict[str, Any]:
        address = {"type": "InternalIP", "address": {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}[name]}
        return {"metadata": {"name": name}, "status": {"nodeInfo": {"containerRuntimeVersion": "x://1"}, "addresses": [address]}}

    def lease_age(self, name: str) -> float | None:
        return None

    def may(self, *_: Any, **__: Any) -> bool:
        return True


def item(name: str, *matches: Match) -> Any:
    return CONTAINERD._replace(node=None, pod=Pod("shop", name, f"uid-{name}", (), False), found_by=matches)


FOUND = Match("address", "10.244.2.14", "eth0 (2)")
NOTHING = Answer("linux/amd64", ())


class Stage:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, pods: list[dict[str, Any]], **says: Answer | BaseException) -> None:
        self.nodes = {name: Fake(name, says.get(name, NOTHING)) for name in ("a", "b", "c")}
        monkeypatch.setattr(survey, "ClusterNode", lambda cluster, kubectl, facts, spec, kept: self.nodes[facts["metadata"]["name"]])
        self.api = Api(pods)
        self.said: list[str] = []
        self.reach = survey.Reach(cast(Cluster, self.api), Kubectl("kubectl", Connection()), Spec("image", "ns", 5.0), self.said.append)

    def find(self, word: str, *names: str, all_nodes: bool = False, namespace: str | None = None, kind: str | None = None) -> survey.Report:
        asked = Search(word, readings.clues(word, kind), namespace)
        return search.cluster(self.reach, asked, names, all_nodes)

    @property
    def visited(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.asked]


def answer(*items: Any, warnings: tuple[Warning, ...] = ()) -> Answer:
    return Answer("linux/amd64", items, warnings)


PODS = [
    api_pod("web", "b", "10.244.2.14", "fd00::e"), api_pod("gone", "a", "10.244.2.14", phase="Succeeded"), api_pod("waiting", None),
    api_pod("starting", "c", "10.244.3.7", phase="Pending"),
    api_pod("proxy", "c", "192.0.2.3", host=True),
    api_pod("app", "c", "10.244.3.1", containerStatuses=[
        {"name": "main", "containerID": f"containerd://{ID}", "lastState": {"terminated": {"containerID": f"containerd://{OLD}"}}}]),
    api_pod("job", "a", "10.244.1.9", phase="Failed", initContainerStatuses=[{"name": "i", "containerID": "docker://" + "ef" * 32}]),
]  # fmt: skip


@pytest.mark.parametrize(("word", "visited"), [
    ("10.244.2.14", ["b"]), ("10.244.2.14/24", ["b"]), ("FD00:0::000e", ["b"]),  # the second of a dual-stack pod
    ("10.244.3.7", ["c"]),  # its init containers run
    ("192.0.2.3", ["c"]),  # of a pod on the node's network
    ("192.0.2.1", ["a"]),  # of the node alone
    (ID, ["c"]), (f"containerd://{ID}", ["c"]), (ID[:12].upper(), ["c"]), (OLD, ["c"]),
    (ID[:11], ["a", "b", "c"]),  # too short to be sure
    ("10.244.1.9", ["a", "b", "c"]),  # the pod has completed, another may have its address
    ("10.9.9.9", ["a", "b", "c"]), ("127.0.0.1", ["a", "b", "c"]), ("vethA", ["a", "b", "c"]), ("f" * 64, ["a", "b", "c"]),
    ("8e:c8:b4:f5:5e:4f", ["a", "b", "c"]), ("/run/netns/blue", ["a", "b", "c"]),
])  # fmt: skip
def test_the_nodes_that_are_visited(monkeypatch: pytest.MonkeyPatch, word: str, visited: list[str]) -> None:
    stage = Stage(monkeypatch, PODS)
    stage.find(word)
    assert stage.visited == visited
    assert any("looking on all nodes" in text for text in stage.said) == (len(visited) == 3)
    assert all(node.closed for node in stage.nodes.values() if node.asked)
    for name in visited:
        assert stage.nodes[name].asked[0] == Question(clues=readings.clues(word))


def test_the_user_s_nodes_are_asked_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, PODS)
    stage.find("10.244.2.14", "a", "c")
    assert stage.visited == ["a", "c"] and stage.api.asked == []
    stage.find("10.244.2.14", all_nodes=True)
    assert stage.visited == ["a", "b", "c"]


def test_a_hit_is_completed_by_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Stage(monkeypatch, PODS, b=answer(item("web", FOUND))).find("10.244.2.14")
    (one,) = report.items
    assert (one.node, one.pod and one.pod.ips, one.found_by, report.errors) == ("b", ("10.244.2.14", "fd00::e"), (FOUND,), ())


def test_a_pod_that_only_the_api_server_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is not inside, or its container has ended: it is asked for by name then, in a visit of its own."""
    stage = Stage(monkeypatch, PODS)
    answers = [NOTHING, answer(item("app")._replace(interfaces=()))]
    monkeypatch.setattr(stage.nodes["c"], "ask", lambda question, progress: stage.nodes["c"].asked.append(question) or answers.pop(0))
    report = stage.find(OLD)
    (one,) = report.items
    assert one.found_by == (Match("container", OLD, "main, as the API server says"),) and report.errors == ()
    assert [warning.code for warning in one.warnings] == ["pod-ip-missing"]
    assert [pod.name for pod in stage.nodes["c"].asked[1].pods or ()] == ["app"]


def test_a_pod_of_which_its_node_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Stage(monkeypatch, PODS).find("10.244.2.14")
    assert report.items == () and [error.status for error in report.errors] == [ExitStatus.NO_NAMESPACE]


def test_a_pod_that_has_completed_has_no_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, PODS)
    report = stage.find("docker://" + "ef" * 32)
    assert [error.status for error in report.errors] == [ExitStatus.NO_NAMESPACE] and stage.visited == []


def test_nothing_is_not_found_where_all_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    (error,) = Stage(monkeypatch, PODS).find("nosuch").errors
    assert error.status == ExitStatus.NOT_FOUND
    assert error.message == 'nothing on any of 3 nodes is "nosuch", looked for as interface or name'


def test_a_cluster_without_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [])
    monkeypatch.setattr(stage.api, "nodes", lambda: iter(()))
    (error,) = stage.find("nosuch").errors
    assert error.status == ExitStatus.NOT_FOUND and "any of 0 nodes" in error.message


@pytest.mark.parametrize("says", [
    {"b": NodeError("broken")}, {"b": answer(warnings=(Warning("runtime-unavailable", "dead"),))},
    {"b": answer(warnings=(Warning("namespace-unreadable", "shut"),))},
], ids=["a node that fails", "a runtime that is silent", "a namespace that cannot be read"])  # fmt: skip
def test_nothing_is_not_certain_where_not_all_was_looked_at(monkeypatch: pytest.MonkeyPatch, says: dict[str, Any]) -> None:
    report = Stage(monkeypatch, PODS, **says).find("nosuch")
    assert report.errors[0].status == ExitStatus.INCOMPLETE and "not everything could be looked at" in report.errors[0].message
    assert len(report.errors) + len(report.warnings) == 2


def test_the_only_node_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Stage(monkeypatch, PODS, b=NodeError("broken")).find("10.244.2.14")
    assert [error.status for error in report.errors] == [ExitStatus.NODE]
    assert [warning.message for warning in report.warnings] == ["the API server says: it is of pod shop/web on b, which could not be asked"]


def test_a_hit_where_another_node_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Stage(monkeypatch, PODS, a=answer(HOST), b=NodeError("broken")).find("eth0")
    assert [one.node for one in report.items] == ["a"] and [error.message for error in report.errors] == ["broken"]


def test_a_sandbox_that_has_no_namespace_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Warning("sandbox-without-namespace", "sandbox dead of shop/old is notready and has no namespace now")
    report = Stage(monkeypatch, PODS, a=answer(warnings=(dead,))).find("dead" * 16)
    (error,) = report.errors
    assert error.status == ExitStatus.NO_NAMESPACE and "shop/old" in error.message and report.warnings == ()


def test_who_may_not_list_pods_looks_on_all_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, PODS, b=answer(item("web", FOUND)))
    stage.api.forbidden = True
    report = stage.find("10.244.2.14")
    assert stage.visited == ["a", "b", "c"] and len(report.items) == 1
    assert [error.status for error in report.errors] == [ExitStatus.REFUSED]  # its addresses could not be had
    assert stage.find("10.244.2.14", namespace="shop").errors == ()


def test_a_namespace_means_its_pods_only(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, PODS, a=answer(HOST, item("web", FOUND)))
    assert [one.pod and one.pod.name for one in stage.find("eth0", namespace="shop").items] == ["web"]
    report = stage.find("eth0", namespace="other")
    assert report.items == () and "of a pod in namespace other" in report.errors[0].message
