"""Which pods `cleanup` takes for its own, and which it never touches."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_netns.client import leftovers, waiter
from kubectl_netns.client.agent_pod import PYTHON
from kubectl_netns.client.cluster import Cluster

WAITER = Path(waiter.__file__).read_text()


def pod(phase: str = "Succeeded", **changes: Any) -> dict[str, Any]:
    container = {"name": "netns-agent", "command": [*PYTHON, WAITER, "cafe" * 8, "900", "30"], **changes.pop("container", {})}
    metadata = {"name": "node-debugger-a-x1y2z", "namespace": "default", "uid": "u", "creationTimestamp": "2999-01-01T00:00:00Z", **changes}
    return {"metadata": metadata, "spec": {"nodeName": "a", "containers": [container]}, "status": {"phase": phase}}


@pytest.mark.parametrize(("described", "ours"), [
    (pod(), True),
    (pod(name="node-debugger-a-x1y2z", annotations={"kubectl-netns/started-by": "me@here"}), True),
    (pod(container={"name": "debugger"}), False),
    (pod(container={"command": ["sh"]}), False),
    (pod(container={"command": None}), False),
    (pod(container={"command": [*PYTHON, "print(1)", "c", "a", "b"]}), False),
    (pod(name="web"), False),
])  # fmt: skip
def test_which_are_ours(described: dict[str, Any], ours: bool) -> None:
    assert leftovers.is_ours(described) is ours


@pytest.mark.parametrize(("phase", "ended"), [("Succeeded", True), ("Failed", True), ("Running", False), ("Pending", False), ("Unknown", False)])
def test_which_have_ended(phase: str, ended: bool) -> None:
    class Api:
        def pods(self, namespace: str | None) -> list[dict[str, Any]]:
            return [pod(phase), pod(container={"name": "debugger"})]

    (found,) = leftovers.find(cast(Cluster, Api()), None)
    assert (found.ended, found.uid, found.node) == (ended, "u", "a")
