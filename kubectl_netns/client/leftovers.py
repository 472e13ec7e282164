"""Agent pods that are still listed although nobody works with them: of clients that were killed, or lost the network.

A pod is taken for an agent by its name, its one container's name, and the waiter's own text in its command, all three; deleted
with its UID as a precondition. Other people's debug pods bear the same label and a similar name, and are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from .agent_pod import ENDED, IN_USE, LIFETIME, PYTHON, STARTED_BY, is_agent, is_kept_by_me
from .cluster import Cluster, Object

MARK = "\\0kubectl-netns-"


@dataclass(frozen=True)
class Leftover:
    """`ended`: its containers are; `idle`: I kept it, and run nothing in it; `stuck`: never started, and its client has given up.

    Any other may be in use, or ends by itself within a minute.
    """

    namespace: str
    name: str
    uid: str
    node: str
    phase: str
    started_by: str | None
    created_at: str
    idle: bool
    stuck: bool

    @property
    def ended(self) -> bool:
        return self.phase in ENDED


def find(cluster: Cluster, namespace: str | None) -> Iterator[Leftover]:
    """In one namespace, or in all (None)."""
    return (_facts(pod) for pod in cluster.pods(namespace) if is_ours(pod))


def is_ours(pod: Object) -> bool:
    if not is_agent(pod):
        return False
    command = pod["spec"]["containers"][0].get("command") or []
    return len(command) >= 6 and command[:3] == PYTHON and MARK in command[3]


def remove(cluster: Cluster, one: Leftover) -> None:
    cluster.delete_pod(one.namespace, one.name, one.uid)


def _facts(pod: Object) -> Leftover:
    metadata = pod["metadata"]
    notes = metadata.get("annotations") or {}
    return Leftover(
        metadata["namespace"], metadata["name"], metadata["uid"], pod["spec"].get("nodeName") or "",
        pod.get("status", {}).get("phase") or "Unknown", notes.get(STARTED_BY),
        metadata["creationTimestamp"], is_kept_by_me(pod) and not any(note.startswith(IN_USE) for note in notes), _is_stuck(pod),
    )  # fmt: skip


def _is_stuck(pod: Object) -> bool:
    """Pending for longer than any client waits: its node has gone, or its image never came."""
    created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    return pod.get("status", {}).get("phase") == "Pending" and (datetime.now(timezone.utc) - created).total_seconds() > LIFETIME
