"""From words and API objects to pods that can have a namespace, or the reason why not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_netns.client import meant, targets
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.client.targets import Target, facts_of, find, resolve, target, written
from kubectl_netns.errors import KubectlError, NetnsError, NoNamespaceError, NoPodError, NotFoundError, RefusedError, UsageError
from kubectl_netns.model import Pod


def pod(node: str | None = "node-b", host: bool = False, **status: Any) -> dict[str, Any]:
    spec = {**({"nodeName": node} if node else {}), **({"hostNetwork": True} if host else {})}
    return {"metadata": {"namespace": "shop", "name": "web", "uid": "u"}, "spec": spec, "status": status}


@pytest.mark.parametrize(("selector", "text"), [
    ({"app": "web", "tier": "x"}, "app=web,tier=x"),
    ({"matchLabels": {"app": "web"}}, "app=web"),
    ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}, "a in (x,y)"),
    ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
    ({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]}, "a,!b"),
    ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}, "app=web,a"),
    ({"matchLabels": None, "matchExpressions": None}, ""),
])  # fmt: skip
def test_selectors_as_the_api_server_takes_them(selector: dict[str, Any], text: str) -> None:
    assert written(selector) == text


@pytest.mark.parametrize(("described", "facts"), [
    (pod(podIPs=[{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]), Pod("shop", "web", "u", ("10.0.0.1", "fd00::1"), False)),
    (pod(podIP="10.0.0.1"), Pod("shop", "web", "u", ("10.0.0.1",), False)),
    (pod(podIPs=None), Pod("shop", "web", "u", (), False)),
    (pod(host=True), Pod("shop", "web", "u", (), True)),
])  # fmt: skip
def test_facts(described: dict[str, Any], facts: Pod) -> None:
    assert facts_of(described) == facts


def test_a_running_pod_is_a_target() -> None:
    described = pod(phase="Running", podIP="10.0.0.1")
    assert target(described) == Target(facts_of(described), "node-b")


WAITING = [{"state": {"waiting": {"reason": "ContainerCreating"}}}]


@pytest.mark.parametrize(("described", "said"), [
    (pod(None, phase="Pending"), "is on no node yet: it is waiting for the scheduler"),
    (pod(None, phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]),
     "is on no node yet: 0/3 nodes are available"),
    (pod(phase="Pending"), "has no sandbox on node-b yet: the kubelet has not started it"),
    (pod(phase="Pending", containerStatuses=WAITING), "has no sandbox on node-b yet: ContainerCreating"),
    (pod(phase="Succeeded", podIP="10.0.0.1"), "has completed (Succeeded)"),
    (pod(phase="Failed"), "has completed (Failed)"),
])  # fmt: skip
def test_a_pod_without_a_namespace(described: dict[str, Any], said: str) -> None:
    with pytest.raises(NoNamespaceError) as caught:
        target(described)
    assert said in caught.value.message


def test_a_pod_that_pulls_its_image_has_a_sandbox_already() -> None:
    assert target(pod(phase="Pending", podIP="10.0.0.1", containerStatuses=WAITING)).node == "node-b"


STATIC = "d3b0738f2f5e9b1c"


@pytest.mark.parametrize(("asked", "found", "same"), [
    (Pod("shop", "web", "u-1"), Pod("shop", "web", "u-1"), True),
    (Pod("shop", "web", "u-1"), Pod("shop", "web", "u-2-old"), False),
    (Pod("kube-system", "etcd", "u-1"), Pod("kube-system", "etcd", STATIC), True),
    (Pod("", "web", None), Pod("shop", "web", "u"), True),
    (Pod("shop", "web", None), Pod("other", "web", "u"), False),
    (Pod("shop", "web", "u-1"), Pod("shop", "db", "u-1"), True),
], ids=["by uid", "its predecessor", "a static pod", "any namespace", "another namespace", "uid before name"])  # fmt: skip
def test_whether_a_runtimes_pod_is_the_one_asked_for(asked: Pod, found: Pod, same: bool) -> None:
    assert asked.matches(found) is same


def listed(name: str, phase: str, made: str = "1", ready: bool = True, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name, "uid": name, "creationTimestamp": made, **metadata},
            "spec": {"nodeName": "a"}, "status": {"phase": phase, "podIP": "10.0.0.1" if phase != "Pending" else None,
                       "conditions": [{"type": "Ready", "status": str(ready)}]}}  # fmt: skip


class Api:
    """One namespace of an API server: it notes the selector, and gives pods of which the best one is `right`."""

    namespace = "shop"

    def __init__(self, *pods: dict[str, Any], elsewhere: str = "") -> None:
        self.asked: list[dict[str, str]] = []
        self.said: list[str] = []
        self.elsewhere = elsewhere
        self.listed = pods or (
            listed("pending", "Pending", "1"), listed("unready", "Running", "2", False), listed("younger", "Running", "5"),
            listed("leaving", "Running", "3", deletionTimestamp="now"), listed("right", "Running", "4"),
        )  # fmt: skip

    def pod(self, namespace: str, name: str) -> dict[str, Any]:
        raise NoPodError(name, f'no pod "{name}"')

    def pods(self, namespace: str | None, **selectors: str) -> list[dict[str, Any]]:
        self.asked.append(selectors)
        if namespace is None:
            if self.elsewhere == "forbidden":
                raise RefusedError("no")
            return [{"metadata": {"namespace": one}} for one in self.elsewhere.split()]
        return list(self.listed)


def found(tmp_path: Path, script: str, word: str = "deployment/web", *pods: dict[str, Any]) -> tuple[Target, Api]:
    program, api = tmp_path / "kubectl", Api(*pods)
    program.write_text(f'#!/bin/sh\n[ "$1 $2 $3 $4" = "get {word} --namespace=shop --output=json" ] || exit 9\n{script}\n')
    program.chmod(0o755)
    return find(cast(Cluster, api), Kubectl(str(program), Connection()), word, api.said.append), api


SELECTS = """echo '{"spec": {"selector": {"matchLabels": {"app": "web"}}}}'"""


def test_an_owner_stands_for_the_oldest_pod_that_is_ready_and_stays_and_says_so(tmp_path: Path) -> None:
    target, api = found(tmp_path, SELECTS)
    assert (target.pod.name, api.asked) == ("right", [{"labelSelector": "app=web"}])
    assert api.said == ["deployment/web: found 5 pods, using pod/right"]


def test_of_an_owner_of_one_pod_nothing_is_said(tmp_path: Path) -> None:
    assert found(tmp_path, SELECTS, "deployment/web", listed("only", "Running"))[1].said == []


def wanted(api: Api, *words: str, selector: str | None = "app=web") -> tuple[list[str], list[NetnsError]]:
    targets, errors = resolve(cast(Cluster, api), cast(Kubectl, None), words, selector, api.said.append)
    return [target.pod.name for target in targets], errors


def test_a_pod_without_a_namespace_among_those_selected_is_passed_over() -> None:
    api = Api(listed("done", "Succeeded"), listed("web", "Running"), listed("new", "Pending"))
    assert wanted(api) == (["web"], [])
    assert api.said == ["passed over, without a namespace now: shop/done (Succeeded), shop/new (Pending)"]


@pytest.mark.parametrize(("names", "said"), [
    ("a", 'pod "shop/a" has completed (Succeeded)'),
    ("abcdefg", 'no pod that matches the selector "app=web" has a namespace now: shop/a (Succeeded), shop/b (Succeeded), '
                "shop/c (Succeeded), shop/d (Succeeded), shop/e (Succeeded) and 2 more"),
])  # fmt: skip
def test_none_of_those_selected_has_a_namespace(names: str, said: str) -> None:
    api = Api(*(listed(name, "Succeeded") for name in names))
    found, (error,) = wanted(api)
    assert (found, api.said, type(error)) == ([], [], NoNamespaceError) and said in error.message


LOOK = "see `kubectl get pods -n shop`; another namespace is chosen with -n"


@pytest.mark.parametrize(("word", "there", "elsewhere", "hint"), [
    ("web-3", "web-1 db-1 web-2", "", "did you mean web-1 or web-2?"),
    ("wbe-1", "web-1 db", "", "did you mean web-1?"),
    ("web", "web-6d5f-x web-6d5f-y web-6d5f-z webs", "", "did you mean web-6d5f-x, web-6d5f-y or web-6d5f-z?"),
    ("web", "web-a web-b web-c web-d", "", "did you mean web-a, web-b, web-c, …?"),
    ("web", "db", "blue", "there is one of this name with -n blue"),
    ("web", "webs", "blue red", "did you mean webs?; there is one of this name with -n blue or red"),
    ("web", "webs", "forbidden", "did you mean webs?"),
    ("web", "db", "forbidden", LOOK), ("web", "db", "", LOOK),
])  # fmt: skip
def test_what_may_have_been_meant(word: str, there: str, elsewhere: str, hint: str) -> None:
    api = Api(*(listed(name, "Running") for name in there.split()), elsewhere=elsewhere)
    found, (error,) = wanted(api, word, selector=None)
    assert (found, error.hint, api.asked[1:]) == ([], hint, [{"fieldSelector": f"metadata.name={word}"}])


def test_a_cluster_that_does_not_say_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meant, "SECONDS", 0.05)
    api = Api()
    monkeypatch.setattr(api, "pods", lambda *_, **__: time.sleep(10))
    begun = time.monotonic()
    assert wanted(api, "web", selector=None)[1][0].hint == LOOK and time.monotonic() - begun < 5


@pytest.mark.parametrize(("script", "kind", "said"), [
    ("echo 'Error from server (NotFound): deployments.apps \"web\" not found' >&2; exit 1", NotFoundError, "not found"),
    ("echo \"error: the server doesn't have a resource type \\\"x\\\"\" >&2; exit 1", NotFoundError, "resource type"),
    ("echo 'Error from server (Forbidden): deployments.apps \"web\" is forbidden: User \"u\" cannot get' >&2; exit 1", RefusedError, "cannot get"),
    ("echo 'error: something else' >&2; exit 1", KubectlError, "something else"),
    ("echo '{\"spec\": {}}'", UsageError, "selects no pods"),
    ("echo nonsense", KubectlError, "no object"),
    ("echo '[]'", KubectlError, "no object"),
])  # fmt: skip
def test_an_owner_without_pods(tmp_path: Path, script: str, kind: type[NetnsError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        found(tmp_path, script)
    assert type(caught.value) is kind


def test_a_kubectl_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PATIENCE", 0.5)
    begun = time.monotonic()
    with pytest.raises(KubectlError, match="did not end"):
        found(tmp_path, "exec sleep 60")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("word", ["", "/", "/web", "deployment/", "a/b/c", "pod/"])
def test_words_that_are_no_pod(word: str) -> None:
    with pytest.raises(UsageError):
        find(cast(Cluster, None), cast(Kubectl, None), word, print)


def test_a_namespace_before_the_slash_is_told_how_to_type(tmp_path: Path) -> None:
    script = "echo \"error: the server doesn't have a resource type \\\"blue\\\"\" >&2; exit 1"
    with pytest.raises(NotFoundError) as caught:
        found(tmp_path, script, "blue/web")
    assert "`-n blue web`" in (caught.value.hint or "")
