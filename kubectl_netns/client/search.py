"""The question backwards: whose is this address, this veth, this process? Which nodes are asked, and what their answers mean.

    the user's nodes, or all of them on request    as told
    a pod's address, a container of a pod          the API server knows the node: only that one is visited
    a node's address                               the same
    anything else                                  all nodes, at once

The agent is asked for every namespace to which a reading of the word leads (`readings.py`, `agent/clues.py`). A pod that the API
server names, but to which nothing on its node leads, is answered all the same, with the warning that goes with it: who is the API
server's to say. Where a node could not be asked, or not in full, that nothing was found is no proof that there is nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import IncompleteError, NetnsError, NoNamespaceError, NotFoundError, RefusedError
from ..model import Match, NetworkNamespace, Pod, Warning
from ..questions import Answer, Clue, Question
from . import rights, survey, targets
from .agent_pod import Progress
from .cluster import Cluster, Object
from .nodes import LocalNode
from .survey import Reach, Report

SURE_ID = 12
"""Digits of a container's ID that kubectl and docker print: a shorter beginning may be another's too, on another node."""
STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
UNSEEN = ("runtime-unavailable", "namespace-unreadable")
GONE = "sandbox-without-namespace"
NAMED = 3


@dataclass(frozen=True)
class Search:
    """What is looked for: the user's word, its readings, and what else is to be read. `namespace`: only its pods are meant."""

    word: str
    clues: tuple[Clue, ...]
    namespace: str | None
    show: tuple[str, ...] = ()

    @property
    def question(self) -> Question:
        return Question(show=self.show, clues=self.clues)

    def value(self, kind: str) -> str | None:
        return next((clue.value for clue in self.clues if clue.kind == kind), None)

    def wanted(self, item: NetworkNamespace) -> bool:
        return self.namespace is None or (item.pod is not None and item.pod.namespace == self.namespace)


@dataclass(frozen=True)
class Placed:
    """What the API server says: the node, and, unless that is all it knows, the pod and as what the word is its own."""

    node: str
    target: targets.Target | None = None
    match: Match | None = None


def cluster(reach: Reach, search: Search, names: Sequence[str] | None, all_nodes: bool) -> Report:
    """`names` None, and not `all_nodes`: the nodes that the API server names, and where it names none, all."""
    errors: list[NetnsError] = []
    placed = [] if names or all_nodes else list(_place(reach, search, errors))
    known: dict[str, Object] = {}
    asked = list(dict.fromkeys(names or [one.node for one in placed]))
    if not asked and not errors:
        known = {node["metadata"]["name"]: node for node in reach.cluster.nodes()}
        asked = list(known)
    answers, failures = survey.ask(reach, dict.fromkeys(asked, search.question), known)
    errors += failures
    items = [item for name, answer in answers.items() for item in _completed(reach.cluster, search, name, answer, errors)]
    missed = [one for one in placed if one.target and one.match and not any(_is_of(item, one.target) for item in items)]
    items += _as_the_api_server_says(reach, search, [one for one in missed if one.node in answers], errors)
    warnings = [*survey.warnings_of(answers), *(_told(one) for one in missed if one.node not in answers)]
    told = [rights.explained(error, reach.cluster, reach.spec.namespace) for error in errors]
    return _report(search, items, told, warnings, list(answers))


def local(search: Search, timeout: float, progress: Progress) -> Report:
    node = LocalNode(timeout)
    answer = node.ask(search.question, progress)
    return _report(search, answer.namespaces, [], answer.warnings, [node.name])


def _report(
    search: Search, items: Iterable[NetworkNamespace], errors: Sequence[NetnsError], warnings: Iterable[Warning], asked: list[str]
) -> Report:
    """With the error that says that nothing was found, or why that is not certain."""
    found, warnings = tuple(filter(search.wanted, items)), tuple(warnings)
    gone = [warning for warning in warnings if warning.code == GONE]
    rest = tuple(warning for warning in warnings if warning.code != GONE)
    if found or (errors and not asked) or any(isinstance(error, NoNamespaceError) for error in errors):
        return Report(found, tuple(errors), rest)
    if gone:
        return Report((), (*(NoNamespaceError(one.message) for one in gone), *errors), rest)
    missing = _missing(search, asked)
    if errors or any(warning.code in UNSEEN for warning in rest):
        unsure = IncompleteError(f"{missing}, but not everything could be looked at", "so it may be there all the same")
        return Report((), (unsure, *errors), rest)
    named = "interface" in [clue.kind for clue in search.clues]
    hint = "interfaces are looked for by their names on the node, not in pods; a pod is shown by `kubectl netns POD`"
    return Report((), (NotFoundError(missing, hint if named else None),), rest)


def _missing(search: Search, asked: list[str]) -> str:
    where = " and ".join(asked) if 0 < len(asked) < NAMED else f"any of {len(asked)} nodes"
    whose = f" of a pod in namespace {search.namespace}" if search.namespace else ""
    kinds = " or ".join(dict.fromkeys(clue.kind for clue in search.clues))
    return f'nothing{whose} on {where} is "{search.word}", looked for as {kinds}'


def _place(reach: Reach, search: Search, errors: list[NetnsError]) -> Iterator[Placed]:
    """Who may not list pods of all namespaces gets no help from the API server, and asks all nodes."""
    try:
        found = list(_by_address(reach.cluster, search)) or list(_by_container(reach.cluster, search, errors))
    except RefusedError as error:
        reach.progress(f"the API server does not say where it is: {error.message}")
        found = []
    for one in found:
        reach.progress(f"the API server says: {_who(one)}on {one.node}")
    if not found and not errors:
        reach.progress("the API server does not know it: looking on all nodes")
    yield from found


def _by_address(cluster: Cluster, search: Search) -> Iterator[Placed]:
    """status.podIP can be selected by the server, the others of a dual-stack pod (status.podIPs) cannot."""
    value = search.value("address")
    if value is None or (address := ipaddress.ip_address(value)).is_loopback or address.is_link_local:
        return
    pods = list(filter(_is_live, cluster.pods(search.namespace, fieldSelector=f"status.podIP={value}")))
    pods = pods or [pod for pod in cluster.pods(search.namespace) if _is_live(pod) and value in targets.facts_of(pod).ips]
    for pod in pods:
        if targets.facts_of(pod).host_network:
            yield Placed(pod["spec"]["nodeName"])  # the node's own address: which of its pods is meant, nobody knows
        else:
            match = Match("address", value, "as the API server says")
            yield Placed(pod["spec"]["nodeName"], targets.target(pod), match)
    if not pods and search.namespace is None:
        for node in cluster.nodes():
            if value in [one.get("address") for one in node["status"].get("addresses") or []]:
                yield Placed(node["metadata"]["name"])


def _is_live(pod: Object) -> bool:
    """A completed pod keeps its address in the API, but another may have it by now."""
    return bool(pod["spec"].get("nodeName")) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _by_container(cluster: Cluster, search: Search, errors: list[NetnsError]) -> Iterator[Placed]:
    """Also by one that has ended: its pod may live on. A pod without a namespace is an error, put to the others."""
    value = search.value("container")
    if value is None or len(value) < SURE_ID:
        return
    for pod in cluster.pods(search.namespace):
        for name, identifier in _containers(pod):
            if identifier.startswith(value):
                match = Match("container", identifier, f"{name}, as the API server says")
                try:
                    target = targets.target(pod)
                    yield Placed(target.node, target, match)
                except NetnsError as error:
                    errors.append(error)
                break


def _containers(pod: Object) -> Iterator[tuple[str, str]]:
    """Names and IDs, of those before a restart too."""
    for kind in STATUSES:
        for one in pod.get("status", {}).get(kind) or []:
            ended = [one.get(when, {}).get("terminated") or {} for when in ("state", "lastState")]
            for told in (one, *ended):
                if told.get("containerID"):
                    yield one["name"], told["containerID"].partition("://")[2]


def _completed(
    cluster: Cluster, search: Search, name: str, answer: Answer, errors: list[NetnsError]
) -> Iterator[NetworkNamespace]:
    """A node's items, their pods as the API server knows them; where it does not tell, as the runtime does."""
    known: list[Pod] = []
    if any(item.pod for item in answer.namespaces):
        try:
            known = [targets.facts_of(pod) for pod in cluster.pods(search.namespace, fieldSelector=f"spec.nodeName={name}")]
        except RefusedError as error:
            errors.append(error)
    for item in answer.namespaces:
        own = next((pod for pod in known if item.pod and pod.matches(item.pod)), item.pod)
        yield survey.complete(item, name, own)


def _as_the_api_server_says(
    reach: Reach, search: Search, missed: Sequence[Placed], errors: list[NetnsError]
) -> Iterator[NetworkNamespace]:
    """The namespaces of pods that the API server names, and to which nothing on their nodes leads."""
    per_node: dict[str, list[Placed]] = {}
    for one in missed:
        per_node.setdefault(one.node, []).append(one)
    pods = {name: tuple(one.target.pod for one in placed if one.target) for name, placed in per_node.items()}
    asked = {name: Question(wanted, show=search.show) for name, wanted in pods.items()}
    answers, failures = survey.ask(reach, asked) if asked else ({}, [])
    errors += failures
    for one in missed:
        if one.target and one.match and one.node in answers:
            found = [item for item in answers[one.node].namespaces if item.pod and one.target.pod.matches(item.pod)]
            yield from (survey.complete(item._replace(found_by=(one.match,)), one.node, one.target.pod) for item in found)
            errors += [] if found else [targets.missing(one.target.pod, one.node)]


def _is_of(item: NetworkNamespace, target: targets.Target) -> bool:
    return item.node == target.node and item.pod is not None and target.pod.matches(item.pod)


def _told(one: Placed) -> Warning:
    return Warning("not-looked-at", f"the API server says: {_who(one)}on {one.node}, which could not be asked")


def _who(one: Placed) -> str:
    return f"it is of pod {one.target.pod.namespace}/{one.target.pod.name} " if one.target else "it is "
