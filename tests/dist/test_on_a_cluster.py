"""The main job from krew's archive, on the real cluster, with an empty HOME and no virtual environment."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import pods
from tests.cluster.pods import NAMESPACE, Workloads

from .conftest import Installed


def test_a_pod_and_a_node(installed: Installed, path: Path, environment: dict[str, str], workloads: Workloads) -> None:
    environment = {key: environment.get(key, "") for key in ("KUBECONFIG", "KUBECTL_NETNS_IMAGE")}
    before = {*pods.agents(workloads.environment)}
    for node, pod in workloads.names.items():
        shown = installed.netns(pod, "-n", NAMESPACE, "-o", "json", tools=path, **environment)
        assert (shown.status, shown.err) == (0, "")
        told = pods.get(workloads.environment, "pod", "-n", NAMESPACE, pod)
        assert shown.json["pod"]["uid"] == told["metadata"]["uid"] and shown.json["node"] == node
        inside = {one["address"] for interface in shown.json["interfaces"] for one in interface["addresses"]}
        assert {one["ip"] for one in told["status"]["podIPs"]} <= inside
        listed = installed.netns("--node", node, "list", "-o", "name", tools=path, **environment)
        assert (listed.status, listed.err) == (0, "") and shown.json["namespace"]["path"] in listed.out.splitlines()
        card = installed.netns(pod, "-n", NAMESPACE, tools=path, LC_ALL="C", **environment)
        assert card.status == 0 and NAMESPACE in card.out
    several = installed.netns(*workloads.names.values(), "-n", NAMESPACE, "-o", "json", tools=path, **environment)
    assert several.status == 0 and [one["pod"]["name"] for one in several.json["items"]] == [*workloads.names.values()]
    assert {*pods.agents(workloads.environment)} - before == set(), "an agent pod was left behind"
