"""How far an agent pod is, by statuses recorded from kubelets, and what a refusal means, by the texts of those who refuse."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_netns.client.agent_pod import is_agent
from kubectl_netns.client.diagnosis import explain_refusal, stage_of, stage_reason
from kubectl_netns.errors import KubectlError, NetnsError, NodeError, NotFoundError, RefusedError


def pod(state: dict[str, Any] | None = None, phase: str = "Pending", **status: Any) -> dict[str, Any]:
    statuses = {"containerStatuses": [{"state": state}]} if state else {}
    spec = {"containers": [{"name": "netns-agent", "image": "example/python:3", "command": ["python3", "-c", "…", "nonce"]}]}
    return {"metadata": {"name": "node-debugger-a-x1y2z", "uid": "u"}, "spec": spec, "status": {"phase": phase, **statuses, **status}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return pod({"waiting": {"reason": reason, "message": message}}, startTime="now")


DOCKER_NO_PYTHON = (
    'failed to start container "a": Error response from daemon: OCI runtime create failed: container_linux.go:380: starting '
    'container process caused: exec: "python3": executable file not found in $PATH: unknown'
)
CONTAINERD_NO_PYTHON = (
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start '
    'container process: exec: "python3": executable file not found in $PATH: unknown'
)
ENDED = {"terminated": {"reason": "ContainerCannotRun", "message": DOCKER_NO_PYTHON, "exitCode": 127}}

STAGES = [
    (pod(), "waiting for the kubelet"),
    (pod(startTime="now"), "pulling the image or creating the agent's container"),
    (waiting("ContainerCreating"), "pulling the image or creating the agent's container"),
    (pod({"running": {"startedAt": "now"}}, "Running"), None),
    (waiting("ErrImagePull", "manifest unknown"), "the image example/python:3 cannot be pulled on the node: manifest unknown"),
    (waiting("ImagePullBackOff", "Back-off"), "cannot be pulled"),
    (waiting("InvalidImageName", "bad"), "cannot be pulled"),
    (waiting("ErrImageNeverPull", "Container image is not present"), "cannot be pulled"),
    (waiting("CreateContainerConfigError", "secret not found"), "did not start: secret not found"),
    (waiting("CreateContainerError", CONTAINERD_NO_PYTHON), "has no python3"),
    (waiting("RunContainerError", CONTAINERD_NO_PYTHON), "has no python3"),
    (pod(ENDED, "Failed"), "has no python3"),
    (waiting("RunContainerError", "exec /usr/bin/python3: exec format error"), "another architecture"),
    (pod(None, "Failed", reason="DeadlineExceeded", message="Pod was active too long"), "did not start: Pod was active too long"),
    (pod({"terminated": {"reason": "Error", "exitCode": 1}}, "Failed"), "did not start: Error"),
]  # fmt: skip


@pytest.mark.parametrize(("described", "said"), STAGES)
def test_stages(described: dict[str, Any], said: str | None) -> None:
    stage = stage_of(described)
    if isinstance(stage, NetnsError):
        assert isinstance(stage, NodeError) and said is not None and said in stage.message
    else:
        assert stage == said


@pytest.mark.parametrize("described", [pod(startTime="now"), pod({"running": {"startedAt": "now"}}, "Running")])
def test_a_pod_that_somebody_deletes(described: dict[str, Any]) -> None:
    described["metadata"]["deletionTimestamp"] = "now"
    stage = stage_of(described)
    assert isinstance(stage, NodeError) and "deleted" in stage.message


@pytest.mark.parametrize(("described", "reason"), [(waiting("ErrImagePull"), "ErrImagePull"), (pod(), ""), (pod(ENDED), "ContainerCannotRun")])
def test_reasons(described: dict[str, Any], reason: str) -> None:
    assert stage_reason(described) == reason


FORBIDDEN = "Error from server (Forbidden): pods"
REFUSALS = [
    (f'{FORBIDDEN} "node-debugger-a-x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true, '
     'hostPID=true, hostIPC=true), hostPath volumes (volume "host-root"), privileged (container "netns-agent" must not set '
     "securityContext.privileged=true)", RefusedError, "Pod Security does not allow", "--agent-namespace"),
    (f"{FORBIDDEN} \"x\" is forbidden: unable to validate against any security context constraint: [provider \"anyuid\": Forbidden]",
     RefusedError, "policy does not allow", "--agent-namespace"),
    (f"{FORBIDDEN} \"x\" is forbidden: PodSecurityPolicy: unable to admit pod: [spec.securityContext.hostNetwork: Invalid value: true: Host network is not allowed to be used]",
     RefusedError, "policy does not allow", "--agent-namespace"),
    ("Error from server (GKE Warden constraints violations): admission webhook \"warden-validating.common-webhooks.networking.gke.io\" "
     "denied the request: GKE Warden rejected the request because it violates one or more constraints. Violations details: "
     "{\"[denied by autogke-disallow-privilege]\":[\"container netns-agent is privileged; not allowed in Autopilot\"]}",
     RefusedError, "GKE Autopilot", "cannot be looked into"),
    (f"{FORBIDDEN} \"x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=1, limited: pods=1",
     RefusedError, "a quota does not allow", "--agent-namespace"),
    (f'{FORBIDDEN} is forbidden: User "guest" cannot create resource "pods" in API group "" in the namespace "default"',
     RefusedError, "cannot create resource", "role"),
    ("error: unknown profile: sysadmin", KubectlError, "too old", "1.30"),
    ("error: unknown flag: --profile", KubectlError, "too old", "1.30"),
    ('Error from server (NotFound): namespaces "default" not found', NotFoundError, 'no namespace "default"', "--agent-namespace"),
    ('Error from server (NotFound): nodes "a" not found', KubectlError, "failed", None),
]  # fmt: skip


@pytest.mark.parametrize(("stderr", "kind", "said", "hint"), REFUSALS)
def test_refusals(stderr: str, kind: type[NetnsError], said: str | None, hint: str | None) -> None:
    error = explain_refusal(stderr, "default")
    assert type(error) is kind
    assert (said or "") in error.message and (hint or "") in (error.hint or "")


@pytest.mark.parametrize(("name", "containers", "ours"), [
    ("node-debugger-a-x", ["netns-agent"], True),
    ("node-debugger-a-x", ["debugger"], False),
    ("web", ["netns-agent"], False),
    ("node-debugger-a-x", ["netns-agent", "sidecar"], False),
])  # fmt: skip
def test_which_pods_are_ours(name: str, containers: list[str], ours: bool) -> None:
    described = {"metadata": {"name": name}, "spec": {"containers": [{"name": one} for one in containers]}}
    assert is_agent(described) is ours
