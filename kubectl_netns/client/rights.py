"""Which rights are missing, when the cluster says no: asked of the cluster itself (SelfSubjectAccessReview), not guessed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ..errors import NetnsError, RefusedError
from .cluster import Cluster


@dataclass(frozen=True)
class Right:
    """`place` is looking (where the pods are) or agents (where agent pods are made); None: the whole cluster."""

    verb: str
    resource: str
    place: str | None
    subresource: str = ""

    def words(self, namespace: str | None) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {what}" + (f" in namespace {namespace}" if namespace else "")


NEEDED = (
    Right("get", "nodes", None),
    Right("get", "pods", "looking"),
    Right("list", "pods", "looking"),
    *(Right(verb, "pods", "agents") for verb in ("create", "get", "list", "watch", "delete")),
    Right("create", "pods", "agents", "exec"),
)


def explained(error: NetnsError, cluster: Cluster, agents: str) -> NetnsError:
    """A refusal with the missing rights in its hint; any other error as it is."""
    if not isinstance(error, RefusedError) or " cannot " not in error.message:
        return error
    absent: list[str] = []
    movable = True
    with suppress(NetnsError):  # a server that does not review access: then the refusal stands for itself
        for right in NEEDED:
            namespace = {"looking": cluster.namespace, "agents": agents}.get(right.place or "")
            if not cluster.may(right.verb, right.resource, right.subresource, namespace):
                absent.append(right.words(namespace))
                movable = movable and right.place == "agents"
    if not absent:
        return error
    elsewhere = ", or choose another namespace with --agent-namespace" if movable else ""
    return RefusedError(error.message, f"you may not {', '.join(absent)}: ask for the role in the README{elsewhere}")
