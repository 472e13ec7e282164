"""The agent pod is gone after success, failure and interrupts, and ends by itself when the client was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.cluster import pods
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Run, netns
from tests.soon import soon


def start(workloads: Workloads) -> subprocess.Popen[bytes]:
    name = next(iter(workloads.names.values()))
    return subprocess.Popen(
        [sys.executable, "-m", "kubectl_netns", name, "-n", NAMESPACE],
        env={**os.environ, **workloads.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def until_an_agent(workloads: Workloads) -> str:
    return soon(lambda: pods.agents(workloads.environment), 20, every=0)[0]


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


def agent_pod(workloads: Workloads, name: str) -> Any:
    (pod,) = (one for one in pods.get(workloads.environment, "pods", "-A")["items"] if one["metadata"]["name"] == name)
    return pod


def test_the_agent_is_a_good_guest(workloads: Workloads) -> None:
    """Limits, labels, whose it is, and a deadline that the cluster keeps if all else fails."""
    process = start(workloads)
    name = until_an_agent(workloads)
    deadline = time.monotonic() + 5
    while "activeDeadlineSeconds" not in (pod := agent_pod(workloads, name))["spec"] and time.monotonic() < deadline:
        time.sleep(0.02)
    process.wait(30)
    assert pod["spec"]["activeDeadlineSeconds"] == 900
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}
    assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kubectl-netns"
    assert "@" in pod["metadata"]["annotations"]["kubectl-netns/started-by"]


def test_a_killed_clients_agent_ends_by_itself_and_cleanup_removes_it_and_nothing_else(
    workloads: Workloads, environment: dict[str, str]
) -> None:
    process = start(workloads)
    name = until_an_agent(workloads)
    process.kill()
    process.wait()
    node = agent_pod(workloads, name)["spec"]["nodeName"]
    pods.kubectl(environment, "debug", f"node/{node}", "--profile=sysadmin", f"--image={workloads.image}", "--container=debugger",
                 "--", "python3", "-c", "import time; time.sleep(1)")  # fmt: skip
    (foreign,) = [one["metadata"]["name"] for one in pods.get(environment, "pods")["items"]
                  if one["metadata"]["name"].startswith("node-debugger-") and one["metadata"]["name"] != name]  # fmt: skip
    try:
        assert name in (told := netns("cleanup", environment=environment)).out and "left alone" in told.out
        assert "would be deleted" in netns("cleanup", "--running", "--dry-run", environment=environment).out
        assert agent_pod(workloads, name)
        soon(lambda: agent_pod(workloads, name)["status"]["phase"] == "Succeeded", 60, every=1)
        assert "deleted" in netns("cleanup", "-A", environment=environment).out
        assert pods.agents(environment) == []
        assert foreign in [one["metadata"]["name"] for one in pods.get(environment, "pods")["items"]]
        assert "no agent pods in any namespace" in netns("cleanup", "-A", environment=environment).out
    finally:
        pods.kubectl(environment, "delete", "pod", foreign, "--now")


def test_two_people_on_one_node_do_not_disturb_each_other(workloads: Workloads) -> None:
    first, second = start(workloads), start(workloads)
    assert (first.wait(60), second.wait(60)) == (0, 0), (first.communicate(), second.communicate())
    assert pods.agents(workloads.environment) == []


def test_the_whole_cluster_in_one_command(workloads: Workloads, run: Run) -> None:
    answer = run("list", "--all-nodes", "-o", "json")
    assert answer.status == 0, answer.err
    found = {(item["node"], item["pod"]["name"]) for item in answer.json["items"] if item["pod"]}
    assert found >= set(workloads.names.items())
    assert [item["node"] for item in answer.json["items"] if item["role"] == "host"] == sorted(workloads.names)
