"""A cold `kubectl netns POD` against a bare `kubectl debug node`, which starts the same pod and does nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cluster import pods
from tests.cluster.kube import cluster
from tests.conftest import netns

from .pairs import Ratio, paired, seconds

LIMIT = 1.3


def measure() -> Iterator[Ratio]:
    testbed = cluster.up()
    environment = {"KUBECONFIG": str(testbed.kubeconfig), "KUBECTL_NETNS_IMAGE": testbed.image}
    workloads = pods.Workloads(environment)
    try:
        workloads.start()
        for node, pod in workloads.names.items():
            yield paired(
                f"cold `kubectl netns POD` / `kubectl debug node -i -- true` on {node}",
                lambda pod=pod: _ours(environment, pod),  # type: ignore[misc]
                lambda node=node: _bare(environment, node, testbed.image),  # type: ignore[misc]
                LIMIT,
            )
    finally:
        workloads.remove()


def _ours(environment: dict[str, str], pod: str) -> float:
    def run() -> None:
        answer = netns(pod, "-n", pods.NAMESPACE, environment=environment)
        assert answer.status == 0, answer.err

    return seconds(run)


def _bare(environment: dict[str, str], node: str, image: str) -> float:
    words = ["debug", f"node/{node}", "-i", f"--image={image}", "--profile=sysadmin", "--container=bench",
             f"--namespace={pods.NAMESPACE}", "--", "true"]  # fmt: skip
    taken = seconds(lambda: pods.kubectl(environment, *words))
    left = pods.get(environment, "pods", "-n", pods.NAMESPACE)["items"]
    names = [pod["metadata"]["name"] for pod in left if pod["spec"]["containers"][0]["name"] == "bench"]
    pods.kubectl(environment, "delete", "pod", "-n", pods.NAMESPACE, "--force", "--grace-period=0", *names)
    return taken


