"""Which node is asked for what about links, and what is made of replies that differ. Nodes answer from memory."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kubectl_netns import errors
from kubectl_netns.aliases import Alias, Link, Linked, Linking, Owner, Undone
from kubectl_netns.client import aliases, survey
from kubectl_netns.client.agent_pod import Spec
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.errors import ConflictError, NodeError, NoNamespaceError, NotFoundError, UsageError
from kubectl_netns.model import Pod, Warning
from kubectl_netns.questions import Answer, Request
from tests.unit.client.test_survey import Api, api_pod

Says = dict[str, Any]


class Fake:
    """A node; `says` makes its reply from each alias: a Link, a list of them, a code, or an error to raise for all."""

    def __init__(self, name: str, says: Any) -> None:
        self.name, self._says = name, says
        self.asked: list[Linking] = []
        self.closed = 0

    def ask(self, request: Request[Any], progress: Any) -> Linked:
        assert isinstance(request, Linking)
        self.asked.append(request)
        if isinstance(self._says, BaseException):
            raise self._says
        outcomes = {alias: self._says(alias) if callable(self._says) else self._says for alias in request.aliases}
        made = [one for said in outcomes.values() if not isinstance(said, str) for one in said]
        failures = [Undone(alias, said, f"because of {said}") for alias, said in outcomes.items() if isinstance(said, str)]
        return Linked(tuple(made), tuple(failures), (Warning("w", "careful"),))

    def close(self) -> None:
        self.closed += 1


def a_link(name: str, pod: str = "web") -> Link:
    owner = Owner("shop", pod, f"uid-{pod}")
    return Link(None, name, f"/run/netns/{name}", "/run/netns/cni-1", 1, "live", "made", owner, "2026-01-01T00:00:00Z", "me@here")


def linked(alias: Alias) -> list[Link]:
    assert alias.pod and alias.name
    return [a_link(alias.name, alias.pod.name)]


class Stage:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, nodes: Says, pods: dict[str, str], host: tuple[str, ...] = ()) -> None:
        self.nodes = {name: Fake(name, says) for name, says in nodes.items()}
        monkeypatch.setattr(survey, "ClusterNode", lambda cluster, kubectl, facts, spec, kept: self.nodes[facts["metadata"]["name"]])
        api = Api({name: api_pod(name, node) for name, node in pods.items()})
        for name in host:
            api.pods_by_name[name]["spec"]["hostNetwork"] = True
        self.reach = survey.Reach(cast(Cluster, api), Kubectl("kubectl", Connection()), Spec("image", "ns", 5.0), lambda text: None)

    def asked(self, node: str) -> list[tuple[str | None, str | None, str | None]]:
        """(pod, its UID, name) of each alias that a node was asked for."""
        return [
            (alias.pod and alias.pod.name, alias.pod and alias.pod.uid, alias.name)
            for request in self.nodes[node].asked
            for alias in request.aliases
        ]


def test_links_are_made_where_the_pods_are_and_told_in_the_users_order(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": linked, "b": linked}, {"x": "a", "y": "b", "z": "a"})
    report = aliases.link(stage.reach, ["z", "y", "x", "pod/z"], None, None)
    assert [(one.node, one.name) for one in report.links] == [("a", "shop_z"), ("b", "shop_y"), ("a", "shop_x")]
    assert stage.asked("a") == [("z", "uid-z", "shop_z"), ("x", "uid-x", "shop_x")]
    assert report.errors == () and {one.message for one in report.warnings} == {"a: careful", "b: careful"}
    assert all(node.closed for node in stage.nodes.values())
    (request,) = stage.nodes["b"].asked
    assert request.action == "link" and "@" in request.started_by


def test_a_name_of_one_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": linked}, {"x": "a"})
    assert [one.name for one in aliases.link(stage.reach, ["x"], None, "mine").links] == ["mine"]


def test_one_name_is_not_for_two_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": linked}, {"x": "a", "y": "a"})
    with pytest.raises(UsageError):
        aliases.link(stage.reach, [], "app=web", "mine")
    assert stage.nodes["a"].asked == []


def test_a_host_network_pod_needs_no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": linked}, {"x": "a"}, host=("x",))
    report = aliases.link(stage.reach, ["x"], None, None)
    assert isinstance(report.errors[0], NoNamespaceError) and stage.nodes["a"].asked == []


KINDS = {"taken": ConflictError, "foreign": ConflictError, "ambiguous": UsageError, "host-network": NoNamespaceError,
         "no-file": NodeError, "refused": NodeError, "none": NoNamespaceError}  # fmt: skip


@pytest.mark.parametrize("code", KINDS)
def test_what_a_node_refuses_is_an_error_of_its_kind(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    stage = Stage(monkeypatch, {"a": code, "b": linked}, {"x": "a", "y": "b"})
    report = aliases.link(stage.reach, ["x", "y"], None, None)
    (error,) = report.errors
    assert type(error) is KINDS[code]
    assert error.message == f'pod "shop/x" cannot be linked on a: because of {code}'
    assert [one.name for one in report.links] == ["shop_y"]


def test_unlink_asks_the_pods_node_by_uid(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": [a_link("one"), a_link("two")], "b": linked}, {"x": "a"})
    report = aliases.unlink(stage.reach, ["x"], None, False)
    assert [one.name for one in report.links] == ["one", "two"] and report.errors == ()
    assert stage.asked("a") == [("x", "uid-x", None)] and stage.nodes["b"].asked == []


def test_a_completed_pod_can_be_unlinked_and_one_without_a_node_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": [a_link("one")]}, {"x": "a", "y": ""})
    pods = cast(Api, stage.reach.cluster).pods_by_name
    pods["x"]["status"]["phase"] = "Succeeded"
    report = aliases.unlink(stage.reach, ["x", "y"], None, False)
    assert [one.name for one in report.links] == ["one"]
    assert [type(error) for error in report.errors] == [NotFoundError] and "is on no node" in report.errors[0].message


def test_a_word_that_is_no_pod_may_be_a_link_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": linked}, {})
    (error,) = aliases.unlink(stage.reach, ["gone"], None, False).errors
    assert isinstance(error, NotFoundError) and "unlink gone --node NODE" in (error.hint or "")


@pytest.mark.parametrize(("word", "expected"), [
    ("web", ("web", None, "web")), ("pod/web", ("web", None, None)), ("po/web", ("web", None, None)),
])  # fmt: skip
def test_with_a_node_a_word_is_a_name_or_else_a_pod(
    monkeypatch: pytest.MonkeyPatch, word: str, expected: tuple[str, None, str | None]
) -> None:
    stage = Stage(monkeypatch, {"a": [a_link("one")]}, {})
    assert len(aliases.unlink(stage.reach, [word, word], ["a"], False).links) == 1
    assert stage.asked("a") == [expected]
    assert stage.nodes["a"].asked[0].aliases[0].pod == Pod("shop", "web", None)


@pytest.mark.parametrize("word", ["deployment/web", "a/b/c", "pod/", "/x", ""])
def test_what_is_neither(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    stage = Stage(monkeypatch, {"a": linked}, {})
    with pytest.raises(UsageError):
        aliases.unlink(stage.reach, [word], ["a"], False)


@pytest.mark.parametrize(("replies", "kinds", "removed"), [
    ({"a": "none", "b": [a_link("web")]}, [], 1),
    ({"a": "foreign", "b": [a_link("web")]}, [], 1),
    ({"a": "none", "b": "none"}, [NotFoundError], 0),
    ({"a": "none", "b": "foreign"}, [ConflictError], 0),
    ({"a": "foreign", "b": "foreign"}, [ConflictError, ConflictError], 0),
    ({"a": "refused", "b": [a_link("web")]}, [NodeError], 1),
    ({"a": "none", "b": "refused"}, [NodeError], 0),
    ({"a": "none", "b": errors.NodeError("broken")}, [NotFoundError, NodeError], 0),
])  # fmt: skip
def test_over_all_nodes_a_word_is_missed_only_if_none_has_it(
    monkeypatch: pytest.MonkeyPatch, replies: Says, kinds: list[type], removed: int
) -> None:
    stage = Stage(monkeypatch, replies, {"x": "a", "y": "b"})
    report = aliases.unlink(stage.reach, ["web"], None, True)
    assert [type(error) for error in report.errors] == kinds
    assert len(report.links) == removed
    assert all(node.closed for node in stage.nodes.values())


def test_list_asks_these_nodes_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, {"a": linked, "b": linked}, {"x": "a", "y": "b"})
    assert aliases.listed(stage.reach, ["a"]).errors == () and not stage.nodes["b"].asked
    aliases.listed(stage.reach, None)
    assert [len(node.asked) for node in stage.nodes.values()] == [2, 1]
    assert {request.action for node in stage.nodes.values() for request in node.asked} == {"list"}


def test_a_request_carries_the_nodes_runtime() -> None:
    request = Linking("list")
    assert request.at("docker") == request._replace(runtime="docker")


def test_an_answer_of_another_kind_is_not_taken() -> None:
    """What belongs together is pinned: each request with its frame and its reply."""
    from kubectl_netns import wire

    assert Linking("list").reply() is Linked and wire.kind_of(Linking("list")) is wire.Kind.LINKING
    with pytest.raises(errors.ProtocolError):
        wire.decode(Linked, wire.encode(Answer("linux/amd64", ())))
