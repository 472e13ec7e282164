"""`--keep`: the agent stays for the next command, for nobody else, and not for longer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import pods
from tests.cluster.kube.cluster import NODES
from tests.cluster.kube.node import Node
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Outcome, netns
from tests.soon import soon


@pytest.fixture
def pod(workloads: Workloads, environment: dict[str, str]) -> Iterator[str]:
    yield next(iter(workloads.names.values()))
    netns("cleanup", "--running", environment=environment)
    assert pods.agents(environment) == []


def ask(environment: dict[str, str], name: str, *words: str, **more: str) -> Outcome:
    answer = netns(name, "-n", NAMESPACE, "-o", "name", "-v", *words, environment={**environment, **more})
    assert answer.status == 0, answer.err
    return answer


def agents(environment: dict[str, str]) -> list[Any]:
    listed = pods.get(environment, "pods", "-A")["items"]
    return [one for one in listed if one["spec"]["containers"][0]["name"] == "netns-agent" and one["status"]["phase"] == "Running"]


def test_the_next_command_finds_it(environment: dict[str, str], pod: str) -> None:
    first = ask(environment, pod, "--keep", "5m")
    (kept,) = agents(environment)
    assert kept["metadata"]["annotations"]["kubectl-netns/keep"] == "300"
    second = ask(environment, pod)
    third = ask(environment, pod, KUBECTL_NETNS_KEEP="5m")
    assert first.out == second.out == third.out
    assert "using the agent that was kept" not in first.err and "using the agent that was kept" in second.err
    assert [one["metadata"]["uid"] for one in agents(environment)] == [kept["metadata"]["uid"]]
    assert "deleted" in netns("cleanup", environment=environment).out and agents(environment) == []


def waiting(environment: dict[str, str], name: str) -> list[int]:
    """The processes in the agent pod that wait for the next command, by their node's PIDs."""
    script = "import glob; print(*(one.split('/')[2] for one in glob.glob('/proc/[0-9]*/cmdline') if b'\\0stay\\0' in open(one, 'rb').read()))"
    return [int(pid) for pid in pods.kubectl(environment, "exec", name, "--", "python3", "-c", script).split()]


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_a_process_with_the_agent_in_it_waits_for_the_next_command(environment: dict[str, str], pod: str, workloads: Workloads, node: Node) -> None:
    """It serves questions and commands, is not left twice, is made anew when it was killed, and goes with the pod."""
    asked = workloads.names[node.name]
    first = ask(environment, asked, "--keep", "5m")
    (name,) = [one["metadata"]["name"] for one in agents(environment)]
    (pid,) = waiting(environment, name)
    assert ask(environment, asked, "--keep", "5m").out == first.out
    ran = netns("exec", asked, "-n", NAMESPACE, "--", "sh", "-c", "cat /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/stat", environment=environment)
    assert ran.status == 0 and int(ran.out.rpartition(")")[2].split()[1]) == pid  # the command's supervisor's agent's parent
    assert waiting(environment, name) == [pid]
    node.run(["kill", "-9", str(pid)], check=True)
    assert ask(environment, asked).out == first.out
    (another,) = waiting(environment, name)
    assert another != pid and [one["metadata"]["name"] for one in agents(environment)] == [name]
    assert node.run(["cat", f"/proc/{another}/comm"], check=True).stdout == "python3\n"
    assert "deleted" in netns("cleanup", environment=environment).out
    soon(lambda: node.run(["test", "-e", f"/proc/{another}"]).returncode, 30)


def test_one_whose_process_is_stopped_is_sent_the_agent_anew(environment: dict[str, str], pod: str, workloads: Workloads) -> None:
    first = ask(environment, pod, "--keep", "5m")
    ((name, node),) = [(one["metadata"]["name"], one["spec"]["nodeName"]) for one in agents(environment)]
    (pid,) = waiting(environment, name)
    (its_node,) = [one for one in NODES if one.name == node]
    its_node.run(["kill", "-STOP", str(pid)], check=True)
    begun = time.monotonic()
    assert ask(environment, pod).out == first.out and time.monotonic() - begun < 30
    its_node.run(["kill", "-CONT", str(pid)], check=True)
    assert waiting(environment, name) == [pid]


def test_it_ends_when_its_time_is_up_and_the_next_command_removes_it(environment: dict[str, str], pod: str) -> None:
    ask(environment, pod, "--keep", "3s")
    soon(lambda: not agents(environment), 30)
    assert pods.agents(environment) != []  # still listed, as completed
    ask(environment, pod)
    assert pods.agents(environment) == []


def test_a_longer_time_prolongs_it(environment: dict[str, str], pod: str) -> None:
    ask(environment, pod, "--keep", "8s")
    (kept,) = agents(environment)
    ask(environment, pod, "--keep", "5m")
    ask(environment, pod, "--keep", "1s")
    time.sleep(15)
    (now,) = agents(environment)
    assert (now["metadata"]["uid"], now["metadata"]["annotations"]["kubectl-netns/keep"]) == (kept["metadata"]["uid"], "300")


def test_cleanup_leaves_it_alone_while_a_command_runs_in_it(environment: dict[str, str], pod: str) -> None:
    ask(environment, pod, "--keep", "5m")
    command = [sys.executable, "-m", "kubectl_netns", "exec", "-i", "-n", NAMESPACE, pod, "--", "cat"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environment})
    assert running.stdin and running.stdout
    running.stdin.write(b"ready\n")
    running.stdin.flush()
    assert running.stdout.readline() == b"ready\n"
    soon(lambda: any(one["metadata"]["annotations"].keys() - {"kubectl-netns/keep", "kubectl-netns/version", "kubectl-netns/started-by"}
                     for one in agents(environment)), 10)  # fmt: skip
    assert "left alone: it may be in use" in netns("cleanup", environment=environment).out
    assert running.communicate(b"still here\n", timeout=60) == (b"still here\n", None) and running.returncode == 0
    assert "deleted" in netns("cleanup", environment=environment).out and pods.agents(environment) == []


@pytest.mark.parametrize("change", [{"kubectl-netns/version": "0.0.1"}, {"kubectl-netns/started-by": "somebody@else"}])
def test_somebody_elses_or_another_versions_is_not_taken(environment: dict[str, str], pod: str, change: dict[str, str]) -> None:
    ask(environment, pod, "--keep", "5m")
    (kept,) = agents(environment)
    for key, value in change.items():
        pods.kubectl(environment, "annotate", "--overwrite", "pod", kept["metadata"]["name"], f"{key}={value}")
    answer = ask(environment, pod)
    assert "using the agent that was kept" not in answer.err
    assert [one["metadata"]["uid"] for one in agents(environment)] == [kept["metadata"]["uid"]]


def test_one_that_does_not_answer_any_more_is_replaced(environment: dict[str, str], pod: str, workloads: Workloads) -> None:
    """Its pod is still listed as running, but nothing in it can be run."""
    ask(environment, pod, "--keep", "5m")
    (kept,) = agents(environment)
    impostor = {**kept, "metadata": {key: kept["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}}
    assert impostor["metadata"]["name"] == kept["metadata"]["name"]
    pods.kubectl(environment, "exec", kept["metadata"]["name"], "--", "python3", "-c",
                 "import os; os.rename('/usr/bin/python3', '/usr/bin/gone')", check=False)  # fmt: skip
    answer = ask(environment, pod)
    assert "using the agent that was kept" in answer.err and "starting the agent" in answer.err
