"""The story. Which nodes must be asked, what each is asked, and how its answer is joined with what the API server knows.

    pods     words → targets (pod, node)  → one question per node, all nodes at once → items in the order of the words
    nodes    names → every namespace of each, its pods completed by the API server's facts

The API server says who, the kernel says what; where the two disagree the item carries a warning. A node, or a pod, that
cannot be had does not spoil the others: its error is in the report, beside what was found.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from ..errors import NetnsError, NotFoundError
from ..model import Answer, NetworkNamespace, Pod, Question, Warning
from . import rights, targets
from .agent_pod import Progress, Spec
from .cluster import Cluster, Object
from .kubectl import Kubectl
from .nodes import ClusterNode, LocalNode, Node, refuse_unusable

PARALLEL = 32


@dataclass(frozen=True)
class Report:
    """What was found, what was not, and what the nodes warned of that concerns no single namespace."""

    items: tuple[NetworkNamespace, ...]
    errors: tuple[NetnsError, ...] = ()
    warnings: tuple[Warning, ...] = ()


@dataclass(frozen=True)
class Reach:
    """How nodes of a cluster are reached. `detail` is told the steps of each of several nodes, `progress` how many are done."""

    cluster: Cluster
    kubectl: Kubectl
    spec: Spec
    progress: Progress
    detail: Progress = lambda text: None


def pods(reach: Reach, words: Iterable[str], selector: str | None, show: tuple[str, ...] = ()) -> Report:
    """`show` names what else is wanted of each namespace (Question.show)."""
    wanted: list[targets.Target] = []
    errors: list[NetnsError] = []
    finders: list[Callable[[], targets.Target]] = [
        lambda word=word: targets.find(reach.cluster, reach.kubectl, word) for word in words  # type: ignore[misc]
    ]
    if selector is not None:
        selected = targets.select(reach.cluster, selector)
        finders += [lambda pod=pod: targets.target(pod) for pod in selected]  # type: ignore[misc]
    for find in finders:
        try:
            target = find()
            if target not in wanted:
                wanted.append(target)
        except NetnsError as error:
            errors.append(error)
    per_node: dict[str, list[Pod]] = {}
    for target in wanted:
        per_node.setdefault(target.node, []).append(target.pod)
    asked = {name: Question(tuple(pods), show=show) for name, pods in per_node.items()}
    answers, failures = _ask(reach, asked)
    items: list[NetworkNamespace] = []
    for target in wanted:
        if target.node in answers:
            found = [item for item in answers[target.node].namespaces if item.pod and target.pod.matches(item.pod)]
            items += [complete(item, target.node, target.pod) for item in found[:1]]
            errors += [] if found else [targets.missing(target.pod, target.node)]
    told = tuple(rights.explained(error, reach.cluster, reach.spec.namespace) for error in (*errors, *failures))
    return Report(tuple(items), told, _warnings(answers))


def nodes(reach: Reach, names: Iterable[str] | None, show: tuple[str, ...] = ()) -> Report:
    """Every namespace of these nodes; `names` None: of all."""
    known_nodes = {node["metadata"]["name"]: node for node in reach.cluster.nodes()} if names is None else {}
    asked = dict.fromkeys(known_nodes if names is None else names, Question(show=show))
    answers, failures = _ask(reach, asked, known_nodes)
    items: list[NetworkNamespace] = []
    for name, answer in answers.items():
        listed = reach.cluster.pods(None, fieldSelector=f"spec.nodeName={name}")
        known = [targets.facts_of(pod) for pod in listed]
        items += [complete(item, name, _named(item, known)) for item in answer.namespaces]
    told = tuple(rights.explained(error, reach.cluster, reach.spec.namespace) for error in failures)
    return Report(tuple(items), told, _warnings(answers))


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
            errors.append(NotFoundError(f'no runtime on this machine has a sandbox of pod "{pod.name}"', hint))
    return Report(tuple(items), tuple(errors), answer.warnings)


def complete(item: NetworkNamespace, node: str, pod: Pod | None) -> NetworkNamespace:
    """An agent's item with its node, and its pod as the API server knows it; says where the two disagree."""
    if pod is None:
        return replace(item, node=node)
    inside = {address.address for interface in item.interfaces for address in interface.addresses}
    absent = [ip for ip in pod.ips if ip not in inside]
    warnings = list(item.warnings)
    if absent:
        message = f"the API server says that the pod has {', '.join(absent)}, which no interface in its namespace has"
        warnings.append(Warning("pod-ip-missing", message))
    return replace(item, node=node, pod=pod, warnings=tuple(warnings))


def _named(item: NetworkNamespace, known: list[Pod]) -> Pod | None:
    return next((pod for pod in known if item.pod and item.role != "host" and pod.matches(item.pod)), item.pod)


def _warnings(answers: dict[str, Answer]) -> tuple[Warning, ...]:
    return tuple(
        Warning(warning.code, f"{name}: {warning.message}") for name, answer in answers.items() for warning in answer.warnings
    )


def _ask(
    reach: Reach, questions: dict[str, Question], known: dict[str, Object] | None = None
) -> tuple[dict[str, Answer], list[NetnsError]]:
    """Every node at once. Whatever ends this, also an interrupt, no agent is left behind. `known` spares looking nodes up."""
    opened: list[Node] = []
    failures: list[NetnsError] = []
    for name in questions:
        try:
            facts = (known or {}).get(name) or reach.cluster.node(name)
            refuse_unusable(reach.cluster, facts)
            opened.append(ClusterNode(reach.cluster, reach.kubectl, facts, reach.spec))
        except NetnsError as error:
            failures.append(error)
    progress = reach.progress if len(opened) == 1 else reach.detail
    try:
        outcomes = _in_threads(opened, lambda node: node.ask(questions[node.name], progress), reach.progress)
    finally:
        reach.progress("leaving the nodes" if opened else "")
        leave(opened)
    failures += [outcome for outcome in outcomes.values() if isinstance(outcome, NetnsError)]
    return {name: outcomes[name] for name in questions if isinstance(outcomes.get(name), Answer)}, failures  # type: ignore[misc]


def _in_threads(opened: list[Node], work: Callable[[Node], Answer], progress: Progress) -> dict[str, Answer | NetnsError]:
    """At most PARALLEL at a time, each node closed as soon as it has answered: its agent need not wait for the slowest.

    The threads are daemons, and the main thread waits in a call that signals interrupt: Ctrl-C acts at once.
    """
    waiting: queue.SimpleQueue[Node] = queue.SimpleQueue()
    done: queue.Queue[tuple[str, Answer | BaseException]] = queue.Queue()
    for node in opened:
        waiting.put(node)

    def run() -> None:
        while True:
            try:
                node = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answer = work(node)
                with suppress(NetnsError):  # tried once more, and told, when all are closed
                    node.close()
                done.put((node.name, answer))
            except BaseException as error:  # raised again in the main thread
                done.put((node.name, error))

    for _ in opened[:PARALLEL]:
        threading.Thread(target=run, daemon=True).start()
    outcomes: dict[str, Answer | NetnsError] = {}
    for _ in opened:
        name, outcome = done.get()
        if isinstance(outcome, BaseException) and not isinstance(outcome, NetnsError):
            raise outcome
        outcomes[name] = outcome
        if len(opened) > 1:
            progress(f"{len(outcomes)} of {len(opened)} nodes have answered, the last {name}")
    return outcomes


def leave(opened: list[Node]) -> None:
    """All at once: on many nodes, deleting one after another would take long."""
    failures: queue.Queue[NetnsError | None] = queue.Queue()

    def close(node: Node) -> None:
        try:
            node.close()
            failures.put(None)
        except NetnsError as error:
            failures.put(NetnsError(f"the agent pod on {node.name} could not be deleted: {error.message}", "it ends by itself"))

    for node in opened:
        threading.Thread(target=close, args=(node,)).start()
    failed = [error for error in [failures.get() for _ in opened] if error]
    if failed:
        raise failed[0]
