"""`kubectl netns POD`, cold and with a kept agent, against a bare `kubectl debug node`, which starts the same pod for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cluster import pods
from tests.cluster.kube import cluster
from tests.conftest import netns

from .pairs import Ratio, paired, seconds

COLD, WARM, TWO_NODES, HELP = 1.3, 0.5, 1.2, 0.25


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
                COLD,
            )
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
            yield paired(
                f"`kubectl netns POD` with a kept agent / `kubectl debug node -i -- true` on {node}",
                lambda pod=pod: _ours(environment, pod),  # type: ignore[misc]
                lambda node=node: _bare(environment, node, testbed.image),  # type: ignore[misc]
                WARM,
            )
        yield paired("`kubectl netns --help` / 1 s", lambda: seconds(lambda: netns("--help")), lambda: 1.0, HELP)
    finally:
        netns("cleanup", environment=environment)  # ends the kept agents
        workloads.remove()


def _ours(environment: dict[str, str], *words: str) -> float:
    def run() -> None:
        answer = netns(*words, "-n", pods.NAMESPACE, environment=environment)
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


