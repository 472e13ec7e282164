"""After every fault the nodes are what they were: no process and no network namespace of ours is left on them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.cluster import pods
from tests.cluster.kube.cluster import NODES
from tests.conftest import CURRENT

FAULTY = ("test_errors", "test_faults", "test_keep", "test_nothing_stays", "test_exec")
SECONDS = 60.0  # what the agent of a killed client may take
OURS = ("The agent's first words", "The agent pod's main process", "Wake an agent that waits")
LOOK = """
import os, sys
for pid in set(filter(str.isdigit, os.listdir("/proc"))) - {str(os.getpid())}:
    try:
        command, namespace = open(f"/proc/{pid}/cmdline").read(), os.stat(f"/proc/{pid}/ns/net").st_ino
        cgroup = open(f"/proc/{pid}/cgroup").read()
    except OSError:
        continue
    if any(text in command for text in sys.argv[1:]):
        print("process", pid)
    elif "pod" not in cgroup:
        print("namespace", namespace)
"""


def left() -> set[str]:
    """On all nodes: agents, and the namespaces of processes that are in no pod (a pod's own go with it, in the kubelet's time)."""
    return {
        f"{node.name}: {line}"
        for node in NODES
        for line in node.run(["python3", "-c", LOOK, *OURS], check=True).stdout.splitlines()
    }


@pytest.fixture(autouse=True)
def nodes_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    if CURRENT or request.module.__name__.rpartition(".")[2] not in FAULTY:
        yield
        return
    request.getfixturevalue("testbed")
    request.getfixturevalue("workloads")
    before = left()
    yield
    deadline = time.monotonic() + SECONDS
    while more := {one for one in left() - before if not _kept(request, one)}:
        assert time.monotonic() < deadline, more
        time.sleep(0.5)


def _kept(request: pytest.FixtureRequest, one: str) -> bool:
    """A process of an agent pod that is still listed: another fixture sees to that."""
    return "process" in one and bool(pods.agents(request.getfixturevalue("environment")))
