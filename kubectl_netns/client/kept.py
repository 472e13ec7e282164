"""The agents that --keep left in the cluster: found again by later commands of the same user, removed once their time is up.

They are looked for once in a command, however many nodes it asks. Nobody else's is taken, and one that is taken is no more
trusted than a new one: its words are checked.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from .. import __version__
from ..errors import NetnsError
from .agent_pod import ENDED, LABELS, PART_OF, VERSION, Spec, is_agent, is_kept_by_me, is_waiting
from .background import Background
from .cluster import Cluster, Object


class Kept:
    """May be asked from several threads."""

    def __init__(self, cluster: Cluster, spec: Spec) -> None:
        self._cluster = cluster
        self._spec = spec
        self._lock = threading.Lock()
        self._found: list[Object] | None = None

    def on(self, node: str) -> Object | None:
        """The pod of one that runs on this node: same version, same image."""
        return next((pod for pod in self._mine() if pod["spec"].get("nodeName") == node and self._usable(pod)), None)

    def _usable(self, pod: Object) -> bool:
        metadata, container = pod["metadata"], pod["spec"]["containers"][0]
        same = metadata["annotations"].get(VERSION) == __version__ and container["image"] == self._spec.image and is_waiting(pod)
        return same and pod["status"].get("phase") == "Running" and "deletionTimestamp" not in metadata

    def _mine(self) -> list[Object]:
        with self._lock:
            if self._found is None:
                self._found = self._look()
            return self._found

    def _look(self) -> list[Object]:
        try:
            listed = self._cluster.pods(self._spec.namespace, labelSelector=f"{PART_OF}={LABELS[PART_OF]}")
            mine = [pod for pod in listed if is_agent(pod) and is_kept_by_me(pod)]
        except NetnsError:  # who may not list pods may still make one
            return []
        ended = [pod for pod in mine if pod["status"].get("phase") in ENDED]
        if ended:
            Background(lambda: self._remove(ended))  # if this is not done in time, the next command does it
        return mine

    def _remove(self, pods: list[Object]) -> None:
        with suppress(NetnsError):
            for pod in pods:
                self._cluster.delete_pod(self._spec.namespace, pod["metadata"]["name"], pod["metadata"]["uid"])
