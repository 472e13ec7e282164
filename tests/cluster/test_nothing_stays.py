"""The agent pod is gone after success, failure and interrupts, and ends by itself when the client was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cluster import pods
from tests.cluster.pods import NAMESPACE, Workloads


def start(workloads: Workloads) -> subprocess.Popen[bytes]:
    name = next(iter(workloads.names.values()))
    return subprocess.Popen(
        [sys.executable, "-m", "kubectl_netns", name, "-n", NAMESPACE],
        env={**os.environ, **workloads.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def until_an_agent(workloads: Workloads) -> str:
    deadline = time.monotonic() + 20
    while not (found := pods.agents(workloads.environment)):
        assert time.monotonic() < deadline
    return found[0]


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.8, 1.0, 1.2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_interrupted_at_any_stage(workloads: Workloads, number: signal.Signals, delay: float) -> None:
    process = start(workloads)
    time.sleep(delay)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    # before Python has set its handlers a signal simply kills; at the end the answer may have been quicker
    assert process.returncode in (130, 0, -number), stderr
    assert b"Traceback" not in stderr
    assert pods.agents(workloads.environment) == []


def test_interrupted_while_the_pod_starts(workloads: Workloads) -> None:
    process = start(workloads)
    until_an_agent(workloads)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert pods.agents(workloads.environment) == []


def test_killed_clients_agent_ends_by_itself(workloads: Workloads) -> None:
    process = start(workloads)
    name = until_an_agent(workloads)
    process.kill()
    process.wait()
    begun = time.monotonic()
    node = None
    while time.monotonic() - begun < 60:
        (pod,) = (one for one in pods.get(workloads.environment, "pods", "-A")["items"] if one["metadata"]["name"] == name)
        node = pod["spec"]["nodeName"]
        if pod["status"].get("phase") == "Succeeded":
            break
        time.sleep(1)
    pods.kubectl(workloads.environment, "delete", "pod", "-n", pod["metadata"]["namespace"], name, "--wait=false")
    assert pod["status"]["phase"] == "Succeeded", f"after 60 s the agent on {node} still runs: {pod['status']}"
