"""Which agents a command finds that earlier ones kept, that it looks once, and that those whose time is up go."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kubectl_netns import __version__
from kubectl_netns.client.agent_pod import started_by
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kept import Kept
from kubectl_netns.errors import RefusedError
from tests.soon import soon
from tests.unit.client.test_agent_life import RUNNING, SPEC
from tests.unit.client.test_agent_life import pod as described


def pod(node: str = "a", phase: str = "Running", uid: str = "uid") -> dict[str, Any]:
    made = described(uid=uid, status={**RUNNING, "phase": phase})
    made["spec"]["nodeName"] = node
    return made


@dataclass
class Api:
    listed: list[dict[str, Any]]
    refused: tuple[str, ...] = ()
    lists: int = 0
    deleted: list[tuple[str, str, str]] = field(default_factory=list)

    def pods(self, namespace: str | None, **selectors: str) -> Iterator[dict[str, Any]]:
        assert (namespace, selectors) == ("ns", {"labelSelector": "app.kubernetes.io/part-of=kubectl-netns"})
        self.lists += 1
        time.sleep(0.05)
        if "list" in self.refused:
            raise RefusedError("no")
        yield from self.listed

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        if "delete" in self.refused:
            raise RefusedError("no")
        self.deleted.append((namespace, name, uid))


def kept(api: Api) -> Kept:
    return Kept(cast(Cluster, api), SPEC)


def test_each_node_has_its_own_and_they_are_looked_for_once() -> None:
    api = Api([pod("a", uid="1"), pod("b", uid="2")])
    ours, found = kept(api), {}
    def look(node: str) -> None:
        found[node] = ours.on(node)
    threads = [threading.Thread(target=look, args=(node,)) for node in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {node: one and one["metadata"]["uid"] for node, one in found.items()} == {"a": "1", "b": "2", "c": None}
    assert (api.lists, api.deleted) == (1, [])


def changed(*path: Any, to: Any) -> dict[str, Any]:
    made = copy.deepcopy(pod())
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return made


STRANGERS = {
    "another user's": changed("metadata", "annotations", "kubectl-netns/started-by", to="eve@elsewhere"),
    "another version's": changed("metadata", "annotations", "kubectl-netns/version", to="0.0.1"),
    "not kept": changed("metadata", "annotations", to={"kubectl-netns/started-by": started_by(), "kubectl-netns/version": __version__}),
    "without notes": changed("metadata", "annotations", to=None),
    "of another image": changed("spec", "containers", 0, "image", to="evil/python:3"),
    "another program": changed("spec", "containers", 0, "command", 3, to="import os"),
    "not our python": changed("spec", "containers", 0, "command", 0, to="/tmp/python3"),
    "on its way out": changed("metadata", "deletionTimestamp", to="t"),
    "not privileged": changed("spec", "containers", 0, "securityContext", to={"privileged": False}),
    "without a security context": changed("spec", "containers", 0, "securityContext", to=None),
    "with processes of its own": changed("spec", "hostPID", to=False),
    "with a network of its own": changed("spec", "hostNetwork", to=False),
    "another container's": changed("spec", "containers", 0, "name", to="debugger"),
    "not yet there": pod(phase="Pending"),
    "over": pod(phase="Succeeded"),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_is_not_taken(stranger: dict[str, Any]) -> None:
    assert kept(Api([stranger])).on("a") is None
    assert kept(Api([stranger, pod(uid="ours")])).on("a") == pod(uid="ours")


def test_without_the_right_to_list_there_is_none() -> None:
    assert kept(Api([pod()], refused=("list",))).on("a") is None


def test_those_whose_time_is_up_are_removed_wherever_they_were() -> None:
    hers, debugger, fresh = pod("b", "Succeeded", "hers"), pod("b", "Failed", "debugger"), pod("b", "Succeeded", "fresh")
    hers["metadata"]["annotations"]["kubectl-netns/started-by"] = "eve@elsewhere"
    debugger["spec"]["containers"][0]["name"] = "debugger"
    del fresh["metadata"]["annotations"]["kubectl-netns/keep"]  # its command may yet look at it
    api = Api([pod("a", "Succeeded", "1"), pod("b", "Failed", "2"), pod("b", uid="3"), pod("b", "Pending", "4"), hers, debugger, fresh])
    ours = kept(api)
    assert ours.on("a") is None and ours.on("b") == pod("b", uid="3")
    soon(lambda: len(api.deleted) == 2, 5)
    time.sleep(0.1)
    assert [uid for _, _, uid in api.deleted] == ["1", "2"]


def test_that_they_cannot_be_removed_disturbs_nobody() -> None:
    api = Api([pod(phase="Succeeded"), pod(uid="ours")], refused=("delete",))
    assert kept(api).on("a") == pod(uid="ours")
