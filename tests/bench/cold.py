"""`kubectl netns POD`, cold and with a kept agent, against a bare `kubectl debug node`, which starts the same pod for nothing."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

from tests.cluster import pods
from tests.cluster.kube import cluster
from tests.conftest import netns

from .pairs import Ratio, paired, seconds

COLD, WARM, TWO_NODES, HELP = 1.3, 0.5, 1.2, 0.25
SETTLE = 1.0  # what a kubelet does after a pod is no longer listed: its cgroups, its volumes
PERIOD = 1.0  # a kubelet looks once a second what runs: in step with it, every round would meet the same delay
ROUNDS = 15  # the bare command takes a second more or less, as the kubelet looks: fewer rounds would leave the median to chance


def measure() -> Iterator[Ratio]:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # users' Python keeps its bytecode
    testbed = cluster.up()
    environment = {"KUBECONFIG": str(testbed.kubeconfig), "KUBECTL_NETNS_IMAGE": testbed.image}
    workloads = pods.Workloads(environment)
    try:
        workloads.start()
        for node, pod in workloads.names.items():
            yield _against_bare("cold `kubectl netns POD`", environment, node, pod, COLD)
        names = list(workloads.names.values())
        slower = max(names, key=lambda name: min(_ours(environment, name) for _ in range(2)))
        yield paired(
            f"pods on two nodes in one command / one pod, {slower} on the slower node",
            lambda: _ours(environment, *names),
            lambda: _ours(environment, slower),
            TWO_NODES,
        )
        for node, pod in workloads.names.items():
            _ours(environment, pod, "--keep=10m")
            yield _against_bare("`kubectl netns POD` with a kept agent", environment, node, pod, WARM)
        yield paired("`kubectl netns --help` / 1 s", lambda: seconds(lambda: netns("--help")), lambda: 1.0, HELP)
    finally:
        netns("cleanup", environment=environment)  # ends the kept agents
        workloads.remove()


def _against_bare(what: str, environment: dict[str, str], node: str, pod: str, limit: float) -> Ratio:
    return paired(
        f"{what} / `kubectl debug node -i -- true` on {node}",
        lambda: _ours(environment, pod),
        lambda: _bare(environment, node, environment["KUBECTL_NETNS_IMAGE"]),
        limit,
        ROUNDS,
    )


def _ours(environment: dict[str, str], *words: str) -> float:
    def run() -> None:
        answer = netns(*words, "-n", pods.NAMESPACE, environment=environment)
        assert answer.status == 0, answer.err

    taken = seconds(run)
    _at_rest(environment)
    return taken


def _bare(environment: dict[str, str], node: str, image: str) -> float:
    words = ["debug", f"node/{node}", "-i", f"--image={image}", "--profile=sysadmin", "--container=bench",
             f"--namespace={pods.NAMESPACE}", "--", "true"]  # fmt: skip
    taken = seconds(lambda: pods.kubectl(environment, *words))
    left = pods.get(environment, "pods", "-n", pods.NAMESPACE)["items"]
    names = [pod["metadata"]["name"] for pod in left if pod["spec"]["containers"][0]["name"] == "bench"]
    pods.kubectl(environment, "delete", "pod", "-n", pods.NAMESPACE, "--wait=false", *names)
    _at_rest(environment)
    return taken


def _at_rest(environment: dict[str, str]) -> None:
    """The kubelets have nothing left to do: one that still takes down a pod starts the next one later, whoever asks for it."""
    deadline = time.monotonic() + 60
    while any("deletionTimestamp" in pod["metadata"] for pod in pods.get(environment, "pods", "-A")["items"]):
        assert time.monotonic() < deadline, "a pod that was deleted does not go"
        time.sleep(0.1)
    time.sleep(SETTLE + random.uniform(0, PERIOD))


