"""From what the user typed to pods of the API server, and whether each can have a namespace now.

A word is NAME, pod/NAME, or TYPE/NAME, which stands for one of the pods that it selects, as `kubectl exec` takes it. A pod that
was named must have a namespace; of those that a selector selects, one that has none now is passed over. `note` is told of both.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..errors import KubectlError, NetnsError, NoNamespaceError, NoPodError, NotFoundError, RefusedError, UsageError
from ..model import Pod
from . import meant
from .cluster import Cluster, Object
from .kubectl import Kubectl

POD_TYPES = ("pod", "pods", "po")
PATIENCE = 30.0
OPERATORS = {"In": "in", "NotIn": "notin"}
LISTED = 5

Note = Callable[[str], object]


@dataclass(frozen=True)
class Target:
    """A pod that is on a node."""

    pod: Pod
    node: str


def resolve(
    cluster: Cluster, kubectl: Kubectl, words: Iterable[str], selector: str | None, note: Note, everywhere: bool = False
) -> tuple[list[Target], list[NetnsError]]:
    """The pods of the words and of the selector, each once, in this order; and what could not be had."""
    wanted: list[Target] = []
    errors: list[NetnsError] = []
    finders: list[Callable[[], list[Target]]] = [lambda word=word: [find(cluster, kubectl, word, note)] for word in words]  # type: ignore[misc]
    if selector is not None:
        finders.append(lambda: selected(cluster, selector, note, everywhere))
    for finder in finders:
        try:
            wanted += finder()
        except NetnsError as error:
            errors.append(error)
    return list(dict.fromkeys(wanted)), errors


def find(cluster: Cluster, kubectl: Kubectl, word: str, note: Note) -> Target:
    """Raises NetnsError: there is no such pod, or it has no namespace."""
    try:
        return target(look_up(cluster, kubectl, word, note))
    except NoPodError as error:
        raise NoPodError(error.name, error.message, meant.pod(cluster, error.name)) from error


def look_up(cluster: Cluster, kubectl: Kubectl, word: str, note: Note) -> Object:
    """The pod of the API server's that a word means, whatever its state. Raises NetnsError."""
    kind, slash, name = word.rpartition("/")
    if "/" in kind or (slash and not (kind and name)) or not name:
        raise UsageError(f'"{word}" is no pod: write NAME, pod/NAME or TYPE/NAME')
    if not slash or kind.lower() in POD_TYPES:
        return cluster.pod(cluster.namespace, name)
    return _behind(cluster, kubectl, word, note)


def select(cluster: Cluster, selector: str, everywhere: bool = False) -> list[Object]:
    found = list(cluster.pods(None if everywhere else cluster.namespace, labelSelector=selector))
    if not found:
        where = "any namespace" if everywhere else f'namespace "{cluster.namespace}"'
        raise NotFoundError(f'no pod in {where} matches the selector "{selector}"')
    return found


def selected(cluster: Cluster, selector: str, note: Note, everywhere: bool) -> list[Target]:
    """Those that have a namespace now. Raises NoNamespaceError where none has."""
    found: list[Target] = []
    without: dict[str, NoNamespaceError] = {}
    for pod in select(cluster, selector, everywhere):
        try:
            found.append(target(pod))
        except NoNamespaceError as error:
            without[f"{pod['metadata']['namespace']}/{pod['metadata']['name']} ({pod['status'].get('phase')})"] = error
    if len(without) == 1 and not found:
        raise next(iter(without.values()))
    if without and not found:
        raise NoNamespaceError(f'no pod that matches the selector "{selector}" has a namespace now: {_listed(list(without))}')
    if without:
        note(f"passed over, without a namespace now: {_listed(list(without))}")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def _behind(cluster: Cluster, kubectl: Kubectl, word: str, note: Note) -> Object:
    """The pod that an object such as a deployment or a service selects, the best of them."""
    child = kubectl.start("get", word, f"--namespace={cluster.namespace}", "--output=json", "--request-timeout=10s")
    try:
        stdout, stderr = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise KubectlError(f"`kubectl get {word}` did not end within {PATIENCE:.0f} s") from error
    finally:
        child.kill()  # also when we are interrupted
        child.wait()
    if child.returncode:
        text = stderr.strip().removeprefix("error: ").removeprefix("Error from server ")
        if "doesn't have a resource type" in stderr:
            kind, _, name = word.partition("/")
            raise NotFoundError(text, f"before the slash stands a type; a pod of another namespace is `-n {kind} {name}`")
        if "NotFound" in stderr:
            raise NotFoundError(text)
        raise RefusedError(text, "ask for the right to get it, or name a pod") if "orbidden" in stderr else KubectlError(text)
    try:
        selector = json.loads(stdout).get("spec", {}).get("selector")
    except (ValueError, AttributeError) as error:
        raise KubectlError(f"`kubectl get {word}` gave something that is no object of Kubernetes") from error
    if not isinstance(selector, dict):
        raise UsageError(f"{word} selects no pods", "name a pod, or something that has a selector, such as deployment/NAME")
    pods = select(cluster, written(selector))
    best = min(pods, key=_rank)
    if len(pods) > 1:
        note(f"{word}: found {len(pods)} pods, using pod/{best['metadata']['name']}")
    return best


def _rank(pod: Object) -> tuple[object, ...]:
    """Lowest: one that runs, stays, and is ready; the oldest of those."""
    metadata, status = pod["metadata"], pod["status"]
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])
    return status.get("phase") != "Running", "deletionTimestamp" in metadata, not ready, metadata["creationTimestamp"]


def written(selector: Object) -> str:
    """A LabelSelector, or a service's plain map, as the query string that the API server takes."""
    plain = "matchLabels" not in selector and "matchExpressions" not in selector
    labels = selector if plain else selector.get("matchLabels") or {}
    terms = [f"{key}={value}" for key, value in labels.items()]
    for term in [] if plain else selector.get("matchExpressions") or []:
        key, operator = term["key"], term["operator"]
        if operator in OPERATORS:
            terms.append(f"{key} {OPERATORS[operator]} ({','.join(term['values'])})")
        else:
            terms.append(key if operator == "Exists" else f"!{key}")
    return ",".join(terms)


def target(pod: Object) -> Target:
    """Raises NoNamespaceError for a pod that cannot have one: not on a node yet, no sandbox yet, or completed."""
    facts = facts_of(pod)
    name = f'pod "{facts.namespace}/{facts.name}"'
    status, node = pod.get("status", {}), pod["spec"].get("nodeName")
    if not node:
        raise NoNamespaceError(f"{name} is on no node yet: {_unscheduled(status)}")
    if status.get("phase") in ("Succeeded", "Failed"):
        raise NoNamespaceError(f"{name} has completed ({status['phase']}): its namespace is gone")
    if status.get("phase") == "Pending" and not facts.ips:
        raise NoNamespaceError(f"{name} has no sandbox on {node} yet: {_waiting(status)}", "try again when it has an IP")
    return Target(facts, node)


def facts_of(pod: Object) -> Pod:
    metadata, status = pod["metadata"], pod.get("status", {})
    ips = [one["ip"] for one in status.get("podIPs") or [] if one.get("ip")]
    if not ips and status.get("podIP"):
        ips = [status["podIP"]]
    return Pod(
        metadata["namespace"], metadata["name"], metadata["uid"], tuple(ips), bool(pod["spec"].get("hostNetwork", False))
    )


def _unscheduled(status: Object) -> str:
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return str(condition.get("message") or condition.get("reason"))
    return "it is waiting for the scheduler"


def _waiting(status: Object) -> str:
    states = [one.get("state", {}).get("waiting") or {} for one in status.get("containerStatuses") or []]
    reasons = [str(state.get("message") or state.get("reason")) for state in states if state]
    return reasons[0] if reasons else "the kubelet has not started it"


def missing(pod: Pod, node: str) -> NetnsError:
    """For a pod of which the node knows nothing."""
    where = f"{pod.namespace}/{pod.name}" if pod.namespace else pod.name
    return NoNamespaceError(f'pod "{where}" has no sandbox on {node} now', "it may be starting or ending: try again")
