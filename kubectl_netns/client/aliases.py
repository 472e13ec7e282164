"""Links in /run/netns: which nodes must make, remove or list them, and what their replies come to.

    link      words → targets (pod, node)  → one request per node, all at once → the links in the order of the words
    unlink    without nodes a word is a pod of the API server's: its node removes all links that were made for its UID.
              With nodes, or on this machine, it is a link's name, or else the name of the pod that links were made for, which
              may be gone; `pod/NAME` is that pod only.
    listed    the links of these nodes that this tool made

A name is looked for on every node that is asked, and missed only when none of them has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..aliases import Alias, Link, Linked, Linking, Undone, default_name, fault
from ..errors import ConflictError, NetnsError, NodeError, NoNamespaceError, NotFoundError, UsageError
from ..model import Pod, Warning
from . import rights, survey, targets
from .agent_pod import Progress, started_by
from .cluster import Object
from .nodes import LocalNode
from .survey import Reach

LOCAL = LocalNode.name
HOST_HINT = "on the node itself, `ip addr` shows what the pod sees"


@dataclass(frozen=True)
class Report:
    """The links that were made, removed or found; what was not; and what the nodes warned of."""

    links: tuple[Link, ...]
    errors: tuple[NetnsError, ...] = ()
    warnings: tuple[Warning, ...] = ()


def check(name: str | None, words: Sequence[str]) -> None:
    """Raises UsageError for a name that a link may not have, or that several pods should."""
    if name is not None and (why := fault(name)):
        raise UsageError(f'a link cannot be called "{name}": {why}')
    if name is not None and len(set(words)) > 1:
        raise _one_name()


def link(reach: Reach, words: Iterable[str], selector: str | None, name: str | None) -> Report:
    """`name` goes with one pod only. Raises UsageError when there are more."""
    wanted, errors = targets.resolve(reach.cluster, reach.kubectl, words, selector, reach.note)
    if name is not None and len(wanted) > 1:
        raise _one_name()
    per_node: dict[str, list[Alias]] = {}
    aliases = [(target.node, Alias(target.pod, name or default_name(target.pod.namespace, target.pod.name))) for target in wanted]
    for node, alias in aliases:
        if alias.pod and alias.pod.host_network:
            message = f"{_what('link', alias)} uses the network of {node} itself, which needs no name"
            errors.append(NoNamespaceError(message, HOST_HINT))
        else:
            per_node.setdefault(node, []).append(alias)
    report = _asked(reach, {node: _linking("link", some) for node, some in per_node.items()})
    order = {(node, alias.name): number for number, (node, alias) in enumerate(aliases)}
    links = sorted(report.links, key=lambda one: order.get((one.node or "", one.name), len(order)))
    return replace(report, links=tuple(links), errors=(*_explained(reach, errors), *report.errors))


def unlink(reach: Reach, words: Sequence[str], names: Iterable[str] | None, all_nodes: bool) -> Report:
    """`names` are nodes; neither those nor `all_nodes`: each word is a pod, and its node is asked."""
    if names is not None or all_nodes:
        aliases = [_named(word, reach.cluster.namespace) for word in dict.fromkeys(words)]
        known = {node["metadata"]["name"]: node for node in reach.cluster.nodes()} if all_nodes else {}
        asked = dict.fromkeys(known if names is None else names, _linking("unlink", aliases))
        return _asked(reach, asked, known)
    per_node: dict[str, list[Alias]] = {}
    errors: list[NetnsError] = []
    for word in dict.fromkeys(words):
        try:
            node, pod = _where(reach, word)
            per_node.setdefault(node, []).append(Alias(pod, None))
        except NetnsError as error:
            errors.append(error)
    report = _asked(reach, {node: _linking("unlink", some) for node, some in per_node.items()})
    return replace(report, errors=(*_explained(reach, errors), *report.errors))


def listed(reach: Reach, names: Iterable[str] | None) -> Report:
    """`names` None: of all nodes."""
    known = {node["metadata"]["name"]: node for node in reach.cluster.nodes()} if names is None else {}
    return _asked(reach, dict.fromkeys(known if names is None else names, _linking("list")), known)


def local(
    action: str, words: Sequence[str], namespace: str | None, name: str | None, timeout: float, progress: Progress
) -> Report:
    """This machine: pods are known by what the runtime says of them, or by what was remembered with their links."""
    distinct = list(dict.fromkeys(words))
    if action == "link":
        aliases = [Alias(Pod(namespace or "", word.removeprefix("pod/"), None), name) for word in distinct]
    else:
        aliases = [_named(word, namespace or "") for word in distinct]
    request = _linking(action, aliases)
    reply = LocalNode(timeout).ask(request, progress)
    return Report(reply.links, tuple(_errors({LOCAL: request}, {LOCAL: reply})), reply.warnings)


def _linking(action: str, aliases: Iterable[Alias] = ()) -> Linking:
    return Linking(action, tuple(aliases), started_by())


def _one_name() -> NetnsError:
    return UsageError("--name names one link, and there are several pods", "leave it out, or link them one by one")


def _named(word: str, namespace: str) -> Alias:
    """A word where no pod of the API server's is meant. Raises UsageError."""
    kind, slash, name = word.rpartition("/")
    if not name or "/" in kind or (slash and kind.lower() not in targets.POD_TYPES):
        raise UsageError(f'"{word}" is no link\'s name, and no pod\'s: write NAME or pod/NAME')
    return Alias(Pod(namespace, name, None), None if slash else name)


def _where(reach: Reach, word: str) -> tuple[str, Pod]:
    """The node and the pod that a word means. Raises NetnsError, with a hint for what may be a link's name."""
    try:
        found: Object = targets.look_up(reach.cluster, reach.kubectl, word, reach.note)
    except NotFoundError as error:
        if word.partition("/")[0] != word and word.partition("/")[0].lower() not in targets.POD_TYPES:
            raise
        hint = f"if that is a link's name, or the pod is gone: `kubectl netns unlink {word} --node NODE`, or --all-nodes"
        raise NotFoundError(error.message, hint) from error
    pod, node = targets.facts_of(found), found["spec"].get("nodeName")
    if not node:
        raise NotFoundError(f'pod "{pod.namespace}/{pod.name}" is on no node, so it has no link')
    return str(node), pod


def _asked(reach: Reach, requests: dict[str, Linking], known: dict[str, Object] | None = None) -> Report:
    replies, failures = survey.ask(reach, requests, known)
    links = [one._replace(node=node) for node, reply in replies.items() for one in reply.links]
    warnings = [Warning(one.code, f"{node}: {one.message}") for node, reply in replies.items() for one in reply.warnings]
    return Report(tuple(links), _explained(reach, [*_errors(requests, replies), *failures]), tuple(warnings))


def _explained(reach: Reach, errors: Iterable[NetnsError]) -> tuple[NetnsError, ...]:
    return tuple(rights.explained(error, reach.cluster, reach.spec.namespace) for error in errors)


def _errors(requests: Mapping[str, Linking], replies: Mapping[str, Linked]) -> Iterator[NetnsError]:
    """What a node lacks, or has of somebody else, is no error while another one had it."""
    for alias in dict.fromkeys(alias for node in replies for alias in requests[node].aliases):
        asked = [node for node in replies if alias in requests[node].aliases]
        failed = {node: one for node in asked for one in replies[node].failures if one.alias == alias}
        passing = [node for node, one in failed.items() if one.code in ("none", "foreign")]
        told = [node for node in failed if node not in passing]
        if not told and len(passing) == len(asked):
            told = [node for node in passing if failed[node].code == "foreign"]
            if not told:
                yield _none(requests[asked[0]].action, alias, asked, failed[asked[0]])
        yield from (_error(requests[node].action, node, failed[node]) for node in told)


def _error(action: str, node: str, failure: Undone) -> NetnsError:
    """One that a node told: what, where, why, and what to do."""
    message = f"{_what(action, failure.alias)} cannot be {action}ed on {node}: {failure.message}"
    if failure.code == "taken":
        return ConflictError(message, "choose another name with --name")
    if failure.code == "foreign":
        hint = "who made it removes it; not with `ip netns del` if it is a link, for that unmounts what the link leads to"
        return ConflictError(message, hint)
    if failure.code == "ambiguous":
        return UsageError(message, "say which one with -n NAMESPACE")
    if failure.code == "host-network":
        return NoNamespaceError(message, HOST_HINT)
    return NodeError(message)


def _none(action: str, alias: Alias, nodes: Sequence[str], failure: Undone) -> NetnsError:
    """No node has it."""
    where = nodes[0] if len(nodes) == 1 else f"any of the {len(nodes)} nodes that answered"
    if action == "link":
        missing = f"{_what(action, alias)} cannot be linked on {where}: {failure.message}"
        return NotFoundError(missing) if where == LOCAL else NoNamespaceError(missing, "it may be starting or ending: try again")
    option = "--local" if where == LOCAL else f"--node {where}" if len(nodes) == 1 else "--all-nodes"
    hint = f"`kubectl netns link --list {option}` shows those that there are"
    return NotFoundError(f"this tool has made no link for {_what(action, alias)} on {where}", hint)


def _what(action: str, alias: Alias) -> str:
    if alias.pod is None or (alias.name and action == "unlink"):
        return f'"{alias.name}"'
    return f'pod "{alias.pod.namespace}/{alias.pod.name}"' if alias.pod.namespace else f'pod "{alias.pod.name}"'
