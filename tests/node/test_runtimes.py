"""Real dockerd and containerd on the test cluster's nodes: what the agent says there, and what `docker inspect` and `ctr` say."""

from __future__ import annotations

import json
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import kubectl_netns
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.node import Node
from tests.cluster.kube.places import IMAGES
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Outcome, Run

DOCKER, CONTAINERD = NODES


def local(run: Run, node: Node, *words: str) -> Outcome:
    """The program with --local, on the node itself."""
    return run("--local", *words, "-o", "json", prefix=tuple(node.command([])))


def items(run: Run, node: Node) -> list[dict[str, Any]]:
    answer = local(run, node, "list")
    assert answer.status == 0, answer.err
    return list(answer.json["items"])


Docker = Callable[..., dict[str, Any]]


@pytest.fixture
def docker(testbed: Cluster) -> Iterator[Docker]:
    """Runs `docker run …` or `docker create …` on the Docker node, gives what `docker inspect` says, removes it afterwards."""
    made: list[str] = []

    def make(verb: str, *options: str, command: str = "sleep 300") -> dict[str, Any]:
        name = f"nt-{secrets.token_hex(4)}"
        made.append(name)
        words = ["docker", verb, *(["-d"] if verb == "run" else []), "--name", name, *options, IMAGES["busybox"], *command.split()]
        DOCKER.run(words, check=True)
        return inspect(name)

    yield make
    DOCKER.run(["docker", "rm", "-f", *made])


def inspect(name: str) -> dict[str, Any]:
    (details,) = json.loads(DOCKER.run(["docker", "inspect", name], check=True).stdout)
    return dict(details)


def test_a_plain_container_is_what_docker_inspect_shows(docker: Docker, run: Run) -> None:
    details = docker("run", "--network", "none")
    (found,) = [item for item in items(run, DOCKER) if item["sandbox"] and item["sandbox"]["id"] == details["Id"]]
    network = details["NetworkSettings"]
    assert (found["role"], found["verdict"], found["container"]) == ("container", "owned", details["Name"].lstrip("/"))
    assert (found["sandbox"]["pid"], found["sandbox"]["networkId"]) == (details["State"]["Pid"], network["SandboxID"])
    assert found["namespace"]["path"] == network["SandboxKey"].removeprefix("/var")
    assert found["namespace"]["inode"] == int(DOCKER.run(["stat", "-Lc", "%i", network["SandboxKey"]], check=True).stdout)
    assert found["sandbox"]["runtimeVersion"] == DOCKER.run(["docker", "version", "--format={{.Server.Version}}"], check=True).stdout.strip()
    assert found["sandbox"]["createdAt"].partition(".")[0][:19] == details["Created"][:19]


@pytest.mark.parametrize(("verb", "options", "command"), [
    ("run", ("--network", "host"), "sleep 300"), ("create", ("--network", "none"), "true"), ("run", ("--network", "none"), "true"),
], ids=["host network", "never started", "exited"])  # fmt: skip
def test_a_container_without_a_namespace_of_its_own_is_not_listed(docker: Docker, run: Run, verb: str, options: tuple[str, ...], command: str) -> None:
    details = docker(verb, *options, command=command)
    while command == "true" and verb == "run" and inspect(details["Id"])["State"]["Running"]:
        time.sleep(0.1)
    assert not [item for item in items(run, DOCKER) if item["sandbox"] and item["sandbox"]["id"] == details["Id"]]


def test_containers_that_share_a_network_are_listed_once(docker: Docker, run: Run) -> None:
    first = docker("run", "--network", "none")
    docker("run", "--network", f"container:{first['Id']}")
    mine = [item for item in items(run, DOCKER) if item["namespace"]["path"] == first["NetworkSettings"]["SandboxKey"].removeprefix("/var")]
    assert [item["container"] for item in mine] == [first["Name"].lstrip("/")]


def test_a_plain_container_of_containerd(testbed: Cluster, run: Run) -> None:
    """No CRI tells of it: its ID comes from its cgroup, and the verdict says so."""
    name = secrets.token_hex(32)
    cgroup = f"/netnstest/node-containerd/{name}"
    CONTAINERD.run(["ctr", "-n", "k8s.io", "run", "-d", "--cgroup", cgroup, IMAGES["busybox"], name, "sleep", "300"], check=True)
    try:
        tasks = CONTAINERD.run(["ctr", "-n", "k8s.io", "tasks", "list"]).stdout.splitlines()
        pid = next(int(line.split()[1]) for line in tasks if line.startswith(name))
        inode = int(CONTAINERD.run(["stat", "-Lc", "%i", f"/proc/{pid}/ns/net"], check=True).stdout)
        (found,) = [item for item in items(run, CONTAINERD) if item["namespace"]["inode"] == inode]
        assert (found["role"], found["verdict"], found["process"]["pid"]) == ("container", "unknown", pid)
        assert (found["sandbox"]["id"], found["sandbox"]["source"]) == (name, "cgroup")
    finally:
        CONTAINERD.run(["ctr", "-n", "k8s.io", "tasks", "kill", "-s", "9", name])
        time.sleep(0.5)
        CONTAINERD.run(["ctr", "-n", "k8s.io", "tasks", "rm", "-f", name])
        CONTAINERD.run(["ctr", "-n", "k8s.io", "containers", "rm", name])


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_a_sandbox_whose_pause_process_was_killed(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """The kubelet makes another one; whatever we say meanwhile, it is never the old one as ready with a dead process."""
    name = workloads.create(f"nt-killed-{secrets.token_hex(3)}", node.name)
    workloads.wait(name)
    before = local(run, node, name).json
    node.run(["kill", f"-{int(signal.SIGKILL)}", str(before["sandbox"]["pid"])], check=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = local(run, node, name)
        assert answer.status in (0, 3), answer.err
        if answer.status == 0:
            found = answer.json if answer.json["kind"] == "NetworkNamespace" else answer.json["items"][0]
            if found["sandbox"]["id"] == before["sandbox"]["id"]:
                assert found["verdict"] == "orphan" or found["sandbox"]["pid"] == before["sandbox"]["pid"]
            elif found["sandbox"]["state"] == "ready":
                break
        time.sleep(0.5)
    assert found["sandbox"]["attempt"] == before["sandbox"]["attempt"] + 1
    workloads.delete(name)


FILES = """
import dataclasses, json, sys
sys.path.insert(0, sys.argv[1])
from kubectl_netns.agent.place import HERE
from kubectl_netns.agent.runtimes import files
from kubectl_netns.agent.runtimes.cri import Cri
import time
def timed(cri):
    begun = time.perf_counter()
    found = cri.holders(None)
    return time.perf_counter() - begun, found
cri = Cri(HERE, '/run/containerd/containerd.sock')
cri.holders(None)
quick, by_files = timed(cri)
files.read = lambda *_: None
slow, by_asking = timed(cri)
print(json.dumps([[repr(one) for one in by_files], [repr(one) for one in by_asking], quick, slow]))
"""


def test_containerds_files_and_its_answers_agree(testbed: Cluster, workloads: Workloads) -> None:
    root = kubectl_netns.__file__.rpartition("/kubectl_netns/")[0]
    words = [sys.executable, "-c", FILES, root]
    for _ in range(10):
        by_files, by_asking, quick, slow = json.loads(CONTAINERD.run(words, check=True).stdout)
        if by_files == by_asking:
            break
        time.sleep(0.5)  # a sandbox of an earlier test is still on its way out
    assert sorted({*by_files} ^ {*by_asking}) == [] and by_files
    print(f"{len(by_files)} sandboxes: {quick * 1000:.2f} ms by files, {slow * 1000:.2f} ms by asking")


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_a_dead_runtime_costs_a_warning_and_not_the_answer(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """In a mount namespace of its own, the node's socket is covered by one that nobody listens on."""
    path = "/run/docker.sock" if node.runtime == "docker" else "/run/containerd/containerd.sock"
    cover = (
        "import os, socket, subprocess, sys; one = socket.socket(socket.AF_UNIX); dead = f'/tmp/dead-{os.getpid()}'; "
        f"one.bind(dead); subprocess.run(['mount', '--bind', dead, {path!r}], check=True); os.unlink(dead); "
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    prefix = (*node.command([]), "unshare", "--mount", "--propagation=private", sys.executable, "-c", cover)
    answer = run("--local", "list", "-o", "json", prefix=prefix)
    assert answer.status == 7
    assert path in answer.err and "refused" in answer.err
    uid = pods.get(workloads.environment, "pod", "-n", NAMESPACE, workloads.names[node.name])["metadata"]["uid"]
    (mine,) = [item for item in answer.json["items"] if item["pod"] and item["pod"]["uid"] == uid]
    assert (mine["role"], mine["verdict"], mine["sandbox"]["source"]) == ("pod", "unknown", "cgroup")

