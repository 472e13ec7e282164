"""From words and API objects to pods that can have a namespace, or the reason why not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_netns.client import targets
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.client.targets import Target, facts_of, find, target, written
from kubectl_netns.errors import KubectlError, NetnsError, NoNamespaceError, NotFoundError, RefusedError, UsageError
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


class Api:
    """One namespace of an API server: it notes the selector, and gives pods of which the running, oldest one is `right`."""

    namespace = "shop"

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def pods(self, namespace: str, **selectors: str) -> list[dict[str, Any]]:
        self.asked.append(selectors)
        listed = (("pending", "Pending", "1"), ("younger", "Running", "3"), ("right", "Running", "2"))
        return [{"metadata": {"namespace": "shop", "name": name, "uid": name, "creationTimestamp": made},
                 "spec": {"nodeName": "a"}, "status": {"phase": phase, "podIP": "10.0.0.1"}} for name, phase, made in listed]  # fmt: skip


def found(tmp_path: Path, script: str, word: str = "deployment/web") -> tuple[Target, Api]:
    program, api = tmp_path / "kubectl", Api()
    program.write_text(f'#!/bin/sh\n[ "$1 $2 $3 $4" = "get {word} --namespace=shop --output=json" ] || exit 9\n{script}\n')
    program.chmod(0o755)
    return find(cast(Cluster, api), Kubectl(str(program), Connection()), word), api


def test_an_owner_stands_for_its_oldest_running_pod(tmp_path: Path) -> None:
    target, api = found(tmp_path, """echo '{"spec": {"selector": {"matchLabels": {"app": "web"}}}}'""")
    assert (target.pod.name, api.asked) == ("right", [{"labelSelector": "app=web"}])


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
        find(cast(Cluster, None), cast(Kubectl, None), word)
