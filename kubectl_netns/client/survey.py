"""The story. Which nodes must be asked, what each is asked, and how its answer is joined with what the API server knows.

    pods     words → targets (pod, node)  → one question per node, all nodes at once → items in the order of the words
    nodes    names → every namespace of each, its pods completed by the API server's facts

The API server says who, the kernel says what; where the two disagree the item carries a warning. A node, or a pod, that
cannot be had does not spoil the others: its error is in the report, beside what was found.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from ..errors import NetnsError, NoPodError, NotFoundError, UsageError
from ..model import NetworkNamespace, Pod, Warning
from ..questions import Answer, Question, Reply, Request
from . import meant, rights, targets
from .agent_pod import Progress, Spec
from .cluster import Cluster, Object
from .kept import Kept
from .kubectl import Kubectl
from .nodes import ClusterNode, LocalNode, Node, refuse_unusable

PARALLEL = 32
Result = TypeVar("Result")


@dataclass(frozen=True)
class Report:
    """What was found, what was not, and what the nodes warned of that concerns no single namespace."""

    items: tuple[NetworkNamespace, ...]
    errors: tuple[NetnsError, ...] = ()
    warnings: tuple[Warning, ...] = ()


@dataclass(frozen=True)
class Reach:
    """How nodes of a cluster are reached.

    `detail` is told the steps of each of several nodes, `progress` how many are done, `note` what the user should know before.
    """

    cluster: Cluster
    kubectl: Kubectl
    spec: Spec
    progress: Progress
    detail: Progress = lambda text: None
    note: Progress = lambda text: None


def pods(
    reach: Reach, words: Iterable[str], selector: str | None, show: tuple[str, ...] = (), everywhere: bool = False
) -> Report:
    """`show` names what else is wanted of each namespace (Question.show); `everywhere`: the selector is for all namespaces."""
    wanted, errors = targets.resolve(reach.cluster, reach.kubectl, words, selector, reach.note, everywhere)
    per_node: dict[str, list[Pod]] = {}
    for target in wanted:
        per_node.setdefault(target.node, []).append(target.pod)
    asked = {name: Question(tuple(pods), show=show) for name, pods in per_node.items()}
    answers, failures = ask(reach, asked)
    items: list[NetworkNamespace] = []
    for target in wanted:
        if target.node in answers:
            found = [item for item in answers[target.node].namespaces if item.pod and target.pod.matches(item.pod)]
            items += [complete(item, target.node, target.pod) for item in found[:1]]
            errors += [] if found else [targets.missing(target.pod, target.node)]
    told = tuple(rights.explained(error, reach.cluster, reach.spec.namespace) for error in (*errors, *failures))
    return Report(tuple(items), told, warnings_of(answers))


def nodes(reach: Reach, names: Iterable[str] | None, show: tuple[str, ...] = ()) -> Report:
    """Every namespace of these nodes; `names` None: of all."""
    known_nodes = {node["metadata"]["name"]: node for node in reach.cluster.nodes()} if names is None else {}
    asked = dict.fromkeys(known_nodes if names is None else names, Question(show=show))
    answers, failures = ask(reach, asked, known_nodes)
    listed = _each(answers, lambda name: _pods_of(reach.cluster, name), reach.detail, "nodes' pods were listed")
    items: list[NetworkNamespace] = []
    for name, answer in answers.items():
        known = listed[name]
        if isinstance(known, NetnsError):
            failures.append(type(known)(f"the pods of {name} are told as its runtime knows them: {known.message}", known.hint))
            known = []
        items += [complete(item, name, named(item, known)) for item in answer.namespaces]
    told = tuple(rights.explained(error, reach.cluster, reach.spec.namespace) for error in failures)
    return Report(tuple(items), told, warnings_of(answers))


def local(
    words: Iterable[str] | None, namespace: str | None, show: tuple[str, ...], timeout: float, progress: Progress
) -> Report:
    """This machine: no API server, so a pod is known by what the runtime says of it. `words` None: everything."""
    node = LocalNode(timeout)
    if words is None:
        answer = node.ask(Question(show=show), progress)
        return Report(answer.namespaces, (), answer.warnings)
    wanted = [Pod(namespace or "", word.removeprefix("pod/"), None) for word in dict.fromkeys(words)]
    answer = node.ask(Question(tuple(wanted), show=show), progress)
    items: list[NetworkNamespace] = []
    errors: list[NetnsError] = []
    for pod in wanted:
        found = [item for item in answer.namespaces if item.pod and pod.matches(item.pod)]
        items += found
        if not found:
            hint = "`kubectl netns --local list` shows those that it knows"
            errors.append(NoPodError(pod.name, f'no runtime on this machine has a sandbox of pod "{pod.name}"', hint))
    return Report(tuple(items), tuple(errors), answer.warnings)


def within(report: Report, namespace: str) -> Report:
    """Of what was found only that of this namespace's pods."""
    return replace(report, items=tuple(item for item in report.items if item.pod and item.pod.namespace == namespace))


def complete(item: NetworkNamespace, node: str, pod: Pod | None) -> NetworkNamespace:
    """An agent's item with its node, and its pod as the API server knows it; says where the two disagree."""
    if pod is None:
        return item._replace(node=node)
    inside = {address.address for interface in item.interfaces for address in interface.addresses}
    absent = [ip for ip in pod.ips if ip not in inside]
    warnings = list(item.warnings)
    if absent:
        message = f"the API server says that the pod has {', '.join(absent)}, which no interface in its namespace has"
        warnings.append(Warning("pod-ip-missing", message))
    return item._replace(node=node, pod=pod, warnings=tuple(warnings))


def _pods_of(cluster: Cluster, node: str) -> list[Pod]:
    return [targets.facts_of(pod) for pod in cluster.pods(None, fieldSelector=f"spec.nodeName={node}")]


def named(item: NetworkNamespace, known: list[Pod]) -> Pod | None:
    return next((pod for pod in known if item.pod and item.role != "host" and pod.matches(item.pod)), item.pod)


def warnings_of(answers: dict[str, Answer]) -> tuple[Warning, ...]:
    return tuple(
        Warning(warning.code, f"{name}: {warning.message}") for name, answer in answers.items() for warning in answer.warnings
    )


def ask(
    reach: Reach, questions: Mapping[str, Request[Reply]], known: dict[str, Object] | None = None
) -> tuple[dict[str, Reply], list[NetnsError]]:
    """Every node at once. Whatever ends this, also an interrupt, no agent is left behind. `known` spares looking nodes up."""
    kept = Kept(reach.cluster, reach.spec)

    def usable(name: str) -> Node:
        if not name:
            raise UsageError("--node wants a node's name", "see `kubectl get nodes`")
        try:
            facts = (known or {}).get(name) or reach.cluster.node(name)
        except NotFoundError as error:
            raise NotFoundError(error.message, meant.node(reach.cluster, name)) from error
        refuse_unusable(reach.cluster, facts)
        return ClusterNode(reach.cluster, reach.kubectl, facts, reach.spec, kept)

    looked_up = _each(questions, usable, reach.detail, "nodes were looked up")
    failures = [outcome for outcome in looked_up.values() if isinstance(outcome, NetnsError)]
    opened = {name: node for name in questions if not isinstance(node := looked_up[name], NetnsError)}
    progress = reach.progress if len(opened) == 1 else reach.detail

    def asked(name: str) -> Reply:
        answer = opened[name].ask(questions[name], progress)
        with suppress(NetnsError):  # its agent need not wait for the slowest; tried once more, and told, when all are closed
            opened[name].close()
        return answer

    def leave() -> list[NetnsError]:
        reach.progress("leaving the nodes" if opened else "")
        return leave_all(list(opened.values()))

    try:
        outcomes = _each(opened, asked, reach.progress, "nodes have answered")
    except BaseException as error:
        for left in leave():
            raise left from error
        raise
    failures += [outcome for outcome in outcomes.values() if isinstance(outcome, NetnsError)] + leave()
    return {name: answer for name in opened if not isinstance(answer := outcomes[name], NetnsError)}, failures


def _each(
    names: Iterable[str], work: Callable[[str], Result], progress: Progress, what: str
) -> dict[str, Result | NetnsError]:
    """What the work gives for each name, or the NetnsError that it raised; at most PARALLEL at a time.

    The threads are daemons, and the main thread waits in a call that signals interrupt: Ctrl-C acts at once.
    """
    wanted = list(names)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.Queue[tuple[str, Result | BaseException]] = queue.Queue()
    for name in wanted:
        waiting.put(name)

    def run() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((name, work(name)))
            except BaseException as error:  # raised again in the main thread
                done.put((name, error))

    for _ in wanted[:PARALLEL]:
        threading.Thread(target=run, daemon=True).start()
    outcomes: dict[str, Result | NetnsError] = {}
    for _ in wanted:
        name, outcome = done.get()
        if isinstance(outcome, BaseException) and not isinstance(outcome, NetnsError):
            raise outcome
        outcomes[name] = outcome
        if len(wanted) > 1:
            progress(f"{len(outcomes)} of {len(wanted)} {what}, the last {name}")
    return outcomes


def leave_all(opened: list[Node]) -> list[NetnsError]:
    """All at once: on many nodes, deleting one after another would take long. Gives what could not be deleted."""
    failures: queue.Queue[NetnsError | None] = queue.Queue()

    def close(node: Node) -> None:
        try:
            node.close()
            failures.put(None)
        except NetnsError as error:
            message = f"the agent pod on {node.name} could not be deleted: {error.message}"
            failures.put(type(error)(message, "it ends by itself within a minute; then `kubectl netns cleanup` deletes it"))

    for node in opened:
        threading.Thread(target=close, args=(node,)).start()
    return [error for error in [failures.get() for _ in opened] if error]
