"""Everything that can be wrong, told in a sentence with the exit status of the table in the README; no agent pod is left."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from kubectl_netns.errors import ExitStatus
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.places import RESTRICTED
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Run

DOCKER = NODES[0].name


def fake_kubectl(folder: Path, script: str) -> dict[str, str]:
    """A kubectl that answers as an old one does (text recorded from the real ones), in front of the real one."""
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nope"], ExitStatus.NOT_FOUND, 'no pod "nope" in namespace "netns-test"'),
        (["pod/list"], ExitStatus.NOT_FOUND, 'no pod "list" in namespace'),
        (["lst"], ExitStatus.NOT_FOUND, "did you mean `kubectl netns list`?"),
        (["netns-test/web"], ExitStatus.NOT_FOUND, "a pod of another namespace is `-n netns-test web`"),
        (["deployment/nope"], ExitStatus.NOT_FOUND, "not found"),
        (["-l", "app==a=b"], ExitStatus.USAGE, 'the selector "app==a=b" makes no sense'),
        (["-l", "app=nobody"], ExitStatus.NOT_FOUND, "matches the selector"),
        (["--node", "nope", "list"], ExitStatus.NOT_FOUND, 'no node "nope"'),
        (["list"], ExitStatus.USAGE, "which node?"),
        (["--node", "x", "y"], ExitStatus.USAGE, "--node goes with list"),
        (["a/b/c"], ExitStatus.USAGE, "is no pod"),
        (["--timeout", "soon", "x"], ExitStatus.USAGE, '--timeout: "soon" is no time'),
        (["--bogus"], ExitStatus.USAGE, "--bogus"),
        (["-o", "xml", "x"], ExitStatus.USAGE, "xml"),
        (["--local", "--node", "x", "list"], ExitStatus.USAGE, "about this machine"),
        (["--all-nodes", "--node", "x", "list"], ExitStatus.USAGE, "exclude each other"),
        (["--context", "nope", "x"], ExitStatus.FAILURE, 'no context "nope"'),
        (["--kubeconfig", "/nonexistent", "x"], ExitStatus.FAILURE, 'no usable kubeconfig: there is no file "/nonexistent"'),
        (["--certificate-authority", certifi.where(), "x"], ExitStatus.FAILURE, "says whom to trust"),
    ],
)
def test_told_without_an_agent(run: Run, words: list[str], status: ExitStatus, said: str) -> None:
    answer = run(*words, *([] if "-n" in words or "list" in words else ["-n", NAMESPACE]))
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err and answer.err.startswith("error: ")


def test_no_kubeconfig(run: Run, tmp_path: Path) -> None:
    answer = run("x", environment={"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)})
    assert answer.status == ExitStatus.FAILURE and "no usable kubeconfig" in answer.err


def test_a_broken_kubeconfig(run: Run, tmp_path: Path) -> None:
    for text in ("{", "[]", "current-context: x", "apiVersion: v1\nclusters: 3\ncurrent-context: 4"):
        (tmp_path / "broken").write_text(text)
        answer = run("x", environment={"KUBECONFIG": str(tmp_path / "broken")})
        assert answer.status == ExitStatus.FAILURE and "kubeconfig" in answer.err, text


def test_an_unreachable_cluster(testbed: Cluster, run: Run, tmp_path: Path) -> None:
    config = testbed.kubeconfig.read_text().replace("172.30.77.1:6443", "127.0.0.1:1")
    (tmp_path / "config").write_text(config)
    answer = run("x", environment={"KUBECONFIG": str(tmp_path / "config")})
    assert answer.status == ExitStatus.FAILURE
    assert "https://127.0.0.1:1 cannot be reached" in answer.err and "refused" in answer.err


def test_a_pod_on_no_node(workloads: Workloads, run: Run) -> None:
    workloads.create("nowhere", None)
    answer = run("nowhere", "-n", NAMESPACE)
    assert answer.status == ExitStatus.NO_NAMESPACE and "is on no node yet" in answer.err


def test_a_pod_that_cannot_get_a_sandbox(workloads: Workloads, testbed: Cluster, run: Run) -> None:
    """Bound to a node that is not there: scheduled, and no kubelet will ever make its sandbox."""
    workloads.create("lost", "node-of-nobody")
    answer = run("lost", "-n", NAMESPACE)
    assert answer.status == ExitStatus.NO_NAMESPACE and "has no sandbox on node-of-nobody yet" in answer.err


def test_a_completed_pod(workloads: Workloads, run: Run) -> None:
    node = next(iter(workloads.names))
    workloads.create("done", node, container={"command": ["true"]}, restartPolicy="Never")
    workloads.wait("done", "Succeeded")
    answer = run("done", "-n", NAMESPACE)
    assert answer.status == ExitStatus.NO_NAMESPACE and "has completed (Succeeded)" in answer.err


def test_a_completed_pod_among_those_selected(workloads: Workloads, run: Run) -> None:
    node, web = next(iter(workloads.names.items()))
    workloads.create("done", node, container={"command": ["true"]}, restartPolicy="Never")
    workloads.wait("done", "Succeeded")
    answer = run("-l", f"pod in (done,{web})", "-n", NAMESPACE, "-o", "name")
    assert (answer.status, len(answer.out.splitlines())) == (ExitStatus.ANSWERED, 1)
    assert answer.err == f"passed over, without a namespace now: {NAMESPACE}/done (Succeeded)\n"
    assert run("-l", "pod=done", "-n", NAMESPACE).status == ExitStatus.NO_NAMESPACE


def test_a_pod_of_this_name_elsewhere_and_one_that_is_called_nearly_so(workloads: Workloads, testbed: Cluster, run: Run) -> None:
    web = next(iter(workloads.names.values()))
    answer = run(web, "-n", "kube-system")
    assert answer.status == ExitStatus.NOT_FOUND and f"there is one of this name with -n {NAMESPACE}" in answer.err
    assert f"did you mean {web}?" in run(f"{web}x", "-n", NAMESPACE).err
    operator = {"KUBECONFIG": str(testbed.operator_kubeconfig)}
    assert f"did you mean {web}?" in run(f"{web}x", "-n", NAMESPACE, environment=operator).err


def test_one_bad_pod_does_not_spoil_the_others(workloads: Workloads, run: Run) -> None:
    name = next(iter(workloads.names.values()))
    answer = run("nope", name, "-n", NAMESPACE, "-o", "json")
    assert answer.status == ExitStatus.INCOMPLETE
    assert [item["pod"]["name"] for item in answer.json["items"]] == [name]
    assert 'no pod "nope"' in answer.err


@pytest.fixture
def silent_node(testbed: Cluster, environment: dict[str, str]) -> Iterator[str]:
    """A node that its kubelet said is not ready, made by hand: nobody works for it."""
    text = """{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-asleep"}}"""
    pods.kubectl(environment, "create", "-f", "-", stdin=text)
    status = """{"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady",
        "message": "the network is not ready"}], "nodeInfo": {"operatingSystem": "linux", "containerRuntimeVersion": "containerd://1"}}}"""
    pods.kubectl(environment, "get", "--raw", "/healthz")
    patch_status(environment, "node-asleep", status)
    yield "node-asleep"
    pods.kubectl(environment, "delete", "node", "node-asleep")


def patch_status(environment: dict[str, str], node: str, patch: str) -> None:
    pods.kubectl(environment, "patch", "node", node, "--subresource=status", "--type=merge", "-p", patch)


def test_a_node_that_is_not_ready(silent_node: str, run: Run) -> None:
    answer = run("--node", silent_node, "list")
    assert answer.status == ExitStatus.NODE and "is not ready: the network is not ready" in answer.err


def test_a_windows_node(silent_node: str, environment: dict[str, str], run: Run) -> None:
    patch_status(environment, silent_node, '{"status": {"nodeInfo": {"operatingSystem": "windows"}}}')
    answer = run("--node", silent_node, "list")
    assert answer.status == ExitStatus.NODE and "runs windows" in answer.err


def test_a_kubelet_that_does_not_answer(testbed: Cluster, run: Run) -> None:
    node = testbed.nodes[1]
    node.stop_kubelet()
    try:
        answer = run("--node", node.name, "list")
    finally:
        node.start_kubelet()
    assert answer.status == ExitStatus.NODE and "does not answer" in answer.err


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_an_image_that_cannot_be_pulled(workloads: Workloads, testbed: Cluster, run: Run, node: object) -> None:
    name = workloads.names[node.name]  # type: ignore[attr-defined]
    answer = run(name, "-n", NAMESPACE, "--image", "127.0.0.1:1/none:1")
    assert answer.status == ExitStatus.NODE and "cannot be pulled" in answer.err and "--image" in answer.err
    assert "127.0.0.1:1" in answer.err and "Back-off" not in answer.err  # why, and not only that it is tried later


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_an_image_without_python(workloads: Workloads, testbed: Cluster, run: Run, node: object) -> None:
    answer = run(workloads.names[node.name], "-n", NAMESPACE, "--image", testbed.busybox)  # type: ignore[attr-defined]
    assert answer.status == ExitStatus.NODE and "has no python3" in answer.err


def test_kubectl_is_missing(workloads: Workloads, run: Run, tmp_path: Path) -> None:
    answer = run("x", environment={"PATH": str(tmp_path)})
    assert answer.status == ExitStatus.NODE and "kubectl was not found on PATH" in answer.err


def test_kubectl_is_too_old(workloads: Workloads, run: Run, tmp_path: Path) -> None:
    assert shutil.which("kubectl")
    old = fake_kubectl(tmp_path, 'echo "error: unknown profile: sysadmin" >&2; exit 1')
    answer = run(next(iter(workloads.names.values())), "-n", NAMESPACE, environment=old)
    assert answer.status == ExitStatus.NODE
    assert "too old" in answer.err and "1.30 or newer" in answer.err


def test_a_user_with_few_rights(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    guest = {"KUBECONFIG": str(testbed.guest_kubeconfig)}
    answer = run("--node", DOCKER, "list", environment=guest)
    assert answer.status == ExitStatus.REFUSED and 'cannot create resource "pods"' in answer.err
    answer = run(workloads.names[DOCKER], "-n", NAMESPACE, environment=guest)
    assert answer.status == ExitStatus.REFUSED and "get pod" in answer.err


def test_the_rights_that_the_readme_lists_are_enough(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    operator = {"KUBECONFIG": str(testbed.operator_kubeconfig)}
    assert run(workloads.names[DOCKER], "-n", NAMESPACE, "-o", "name", environment=operator).status == 0
    assert run("--node", DOCKER, "list", environment=operator).status == 0


def test_a_policy_that_allows_no_privileged_pods(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    operator = {"KUBECONFIG": str(testbed.operator_kubeconfig)}
    answer = run("--node", DOCKER, "list", "--agent-namespace", RESTRICTED, environment=operator)
    assert answer.status == ExitStatus.REFUSED
    assert "policy does not allow the agent pod" in answer.err and "--agent-namespace" in answer.err


def test_no_namespace_for_the_agent(run: Run) -> None:
    answer = run("list", "--all-nodes", "--agent-namespace", "nosuch")
    assert answer.status == ExitStatus.NOT_FOUND and answer.err.count('error: no namespace "nosuch"') == 1


def test_the_missing_rights_are_named(testbed: Cluster, run: Run) -> None:
    guest = {"KUBECONFIG": str(testbed.guest_kubeconfig)}
    answer = run("--node", DOCKER, "list", environment=guest)
    hint = answer.err.partition("hint: ")[2]
    assert "create pods in namespace default" in hint and "create pods/exec in namespace default" in hint
    assert "get nodes" not in hint and "list pods in namespace default" not in hint


def test_impersonation_is_for_every_request(testbed: Cluster, run: Run) -> None:
    answer = run("--node", DOCKER, "list", "--as", "guest", "--as-group", "guests")
    assert answer.status == ExitStatus.REFUSED and 'User "guest" cannot create resource "pods"' in answer.err


def test_a_node_whose_lease_is_stale(silent_node: str, environment: dict[str, str], run: Run) -> None:
    """Its status still says Ready, as that of a node that lost its power a minute ago."""
    patch_status(environment, silent_node, '{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}')
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": silent_node, "namespace": "kube-node-lease"},
             "spec": {"holderIdentity": silent_node, "renewTime": "2020-01-01T00:00:00.000000Z"}}  # fmt: skip
    pods.kubectl(environment, "create", "-f", "-", stdin=json.dumps(lease))
    try:
        answer = run("--node", silent_node, "list")
        assert answer.status == ExitStatus.NODE and "has not renewed its lease" in answer.err
    finally:
        pods.kubectl(environment, "delete", "lease", "-n", "kube-node-lease", silent_node)
