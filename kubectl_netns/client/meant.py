"""What somebody may have meant who named a pod, or a node, that is not there: for a hint, so it may fail, and may not take long.

Asked only when it was not found: one list of the namespace's pods and one of all pods with this very name, or one of the nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ..errors import NetnsError
from .background import Background
from .cluster import Cluster

SECONDS = 3.0
OFFERED = 3
ALIKE = 0.7


def pod(cluster: Cluster, name: str) -> str:
    near = Background(lambda: _alike(name, [one["metadata"]["name"] for one in cluster.pods(cluster.namespace)]))
    elsewhere = Background(lambda: _elsewhere(cluster, name))
    unknown = f"see `kubectl get pods -n {cluster.namespace}`; another namespace is chosen with -n"
    return "; ".join(_known(near, elsewhere)) or unknown


def node(cluster: Cluster, name: str) -> str:
    near = Background(lambda: _alike(name, [one["metadata"]["name"] for one in cluster.nodes()]))
    with suppress(NetnsError):
        if near.done(SECONDS) and (names := near.result()):
            return f"did you mean {_choice(names)}?"
    return "`kubectl get nodes` shows their names"


def _known(near: Background[list[str]], elsewhere: Background[list[str]]) -> Iterator[str]:
    with suppress(NetnsError):  # not allowed to, perhaps
        if near.done(SECONDS) and (names := near.result()):
            yield f"did you mean {_choice(names)}?"
    with suppress(NetnsError):
        if elsewhere.done(SECONDS) and (namespaces := elsewhere.result()):
            yield f"there is one of this name with -n {_choice(namespaces)}"


def _alike(name: str, names: list[str]) -> list[str]:
    """Those that begin with it, as a deployment's pods or a node's full name do; else those that look alike."""
    from difflib import get_close_matches

    longer = [one for one in names if one.startswith((f"{name}-", f"{name}."))]
    return longer or sorted(get_close_matches(name, names, OFFERED, ALIKE))


def _elsewhere(cluster: Cluster, name: str) -> list[str]:
    return [pod["metadata"]["namespace"] for pod in cluster.pods(None, fieldSelector=f"metadata.name={name}")]


def _choice(names: Sequence[str]) -> str:
    """Of several the first few, `a, b or c`."""
    if len(names) > OFFERED:
        return f"{', '.join(names[:OFFERED])}, …"
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
