"""What an agent pod's status means, and those who refuse to make one; the texts are those of kubelets, kubectl and plug-ins."""

from __future__ import annotations

from ..errors import KubectlError, NetnsError, NodeError, NotFoundError, RefusedError
from .cluster import Object
from .kubectl import OLD, too_old

PULL_FAILURES = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
START_FAILURES = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff")
NO_PYTHON = ("executable file not found", "no such file or directory")


def _container(pod: Object) -> Object:
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return statuses[0].get("state") or {}


def stage_reason(pod: Object) -> str:
    state = _container(pod)
    return str(next((detail.get("reason", "") for detail in state.values() if detail), ""))


def stage_of(pod: Object) -> str | NetnsError | None:
    """How far a pod is: None it runs, words while it is on its way, an error when it will not run."""
    if pod["metadata"].get("deletionTimestamp"):
        return NodeError("somebody deleted the agent pod while it was starting")
    state = _container(pod)
    image = pod["spec"]["containers"][0]["image"]
    if state.get("running"):
        return None
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or {}
    reason = stage_reason(pod)
    message = " ".join(str(waiting.get("message") or ended.get("message") or "").split())
    if reason in PULL_FAILURES:
        hint = "name another image that has python3, or a mirror of it, with --image or KUBECTL_NETNS_IMAGE"
        return NodeError(f"the image {image} cannot be pulled on the node: {message or reason}", hint)
    if any(sign in message for sign in NO_PYTHON) and "python3" in message:
        return NodeError(f"the image {image} has no python3", "name one that has with --image or KUBECTL_NETNS_IMAGE")
    if "exec format error" in message:
        return NodeError(f"the image {image} is for another architecture than the node", "choose another with --image")
    if reason in START_FAILURES or ended or pod["status"].get("phase") in ("Failed", "Succeeded"):
        why = message or reason or str(pod["status"].get("message") or pod["status"].get("reason"))
        return NodeError(f"the agent's container did not start: {why}")
    # a kubelet's status does not tell one from the other
    return "pulling the image or creating the agent's container" if pod["status"].get("startTime") else "waiting for the kubelet"


def explain_refusal(stderr: str, namespace: str) -> NetnsError:
    """What `kubectl debug` complained of, and what to do next. The texts are kubectl's and the admission plug-ins' own."""
    text = stderr.removeprefix("error: ").removeprefix("Error from server (Forbidden): ")
    if too_old(stderr):
        return KubectlError(f"this kubectl is too old: {text}", OLD)
    if "violates PodSecurity" in stderr:
        hint = f"use a namespace labelled pod-security.kubernetes.io/enforce=privileged: --agent-namespace (now {namespace})"
        return RefusedError(f"Pod Security does not allow the agent pod: {text}", hint)
    if any(name in stderr for name in ("PodSecurityPolicy", "pod security policy", "security context constraint")):
        hint = f"choose a namespace where privileged pods are allowed with --agent-namespace (now {namespace})"
        return RefusedError(f"the cluster's policy does not allow the agent pod: {text}", hint)
    if "autogke" in stderr:
        return RefusedError(f"GKE Autopilot allows no privileged pods: {text}", "its nodes cannot be looked into")
    if "exceeded quota" in stderr or "failed quota" in stderr:
        return RefusedError(f"a quota does not allow the agent pod: {text}", "choose another namespace with --agent-namespace")
    if "orbidden" in stderr or "denied" in stderr:
        return RefusedError(f"the cluster refused the agent pod: {text}", "ask for the role in the README")
    if f'namespaces "{namespace}" not found' in stderr:
        hint = "choose one that there is with --agent-namespace; `kubectl get namespaces` lists them"
        return NotFoundError(f'no namespace "{namespace}", in which the agent pod was to be made', hint)
    return KubectlError(f"`kubectl debug` failed: {text}")
