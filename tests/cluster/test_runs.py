"""Whether a container runs, asked of its kubelet: as `kubectl exec` finds it, and without running anything."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from kubectl_netns.client.kubeconfig import connect
from kubectl_netns.client.kubectl import Connection
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.node import Node
from tests.cluster.pods import NAMESPACE

MARKED = """
import os, shutil
path = shutil.which("true")
os.unlink(path)
open(path, "w").write("#!/bin/sh\\ntouch /tmp/ran\\n")
os.chmod(path, 0o755)
"""


def executes(environment: dict[str, str], name: str, *command: str) -> bool:
    words = ["kubectl", "exec", "-n", NAMESPACE, name, "-c", "main", "--", *command]
    return subprocess.run(words, env={**os.environ, **environment}, capture_output=True, timeout=60).returncode == 0


@pytest.fixture
def pod(testbed: Cluster, environment: dict[str, str], node: Node) -> Iterator[str]:
    """Its first container takes two seconds before the one that is asked for starts."""
    name = f"later-{node.name}"
    first = {"name": "first", "image": testbed.image, "command": ["python3", "-c", "import time; time.sleep(2)"]}
    pods.kubectl(environment, "apply", "-f", "-", stdin=json.dumps(pods.manifest(name, node.name, testbed.image, initContainers=[first])))
    try:
        yield name
    finally:
        pods.kubectl(environment, "delete", "pod", "-n", NAMESPACE, name, "--grace-period=0", "--force", "--wait=false")


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_it_is_what_kubectl_exec_finds_and_runs_nothing(environment: dict[str, str], pod: str, node: Node) -> None:
    cluster = connect(Connection(kubeconfig=environment["KUBECONFIG"]), 30)
    deadline = time.monotonic() + 60
    waited = False
    while not cluster.runs(NAMESPACE, pod, "main"):
        waited = True
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert waited and executes(environment, pod, "python3", "-c", MARKED)
    assert all(cluster.runs(NAMESPACE, pod, "main") for _ in range(10))
    assert not cluster.runs(NAMESPACE, pod, "first") and not executes(environment, pod, "test", "-e", "/tmp/ran")
    assert executes(environment, pod, "true") and executes(environment, pod, "test", "-e", "/tmp/ran")


def test_what_is_not_there_does_not_run(environment: dict[str, str], testbed: Cluster) -> None:
    """A pod that there is not, is the API server's to say: no reason not to let kubectl try."""
    assert connect(Connection(kubeconfig=environment["KUBECONFIG"]), 30).runs(NAMESPACE, "no-such-pod", "main")
