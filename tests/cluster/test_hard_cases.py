"""The hard cases, each on a real node: what must be said where the plain story does not hold."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubectl_netns.errors import ExitStatus
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.node import Node
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Run

on_both = pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)


@pytest.fixture
def run(warm: Run) -> Run:
    return warm


def answer(run: Run, name: str, status: int = 0) -> Any:
    said = run(name, "-n", NAMESPACE, "-o", "json")
    assert said.status == status, said.err
    return said.json


def path_of(run: Run, name: str) -> str:
    return str(answer(run, name)["namespace"]["path"])


def codes(item: Any) -> list[str]:
    return [warning["code"] for warning in item["warnings"]]


def counting_kubectl(folder: Path) -> tuple[dict[str, str], Path]:
    """The real kubectl behind a script that notes each call."""
    calls = folder / "calls"
    calls.touch()
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {shutil.which("kubectl")} "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}, calls


@pytest.mark.parametrize(("state", "said"), [
    ("not scheduled", "is on no node yet"), ("scheduled, no sandbox", "has no sandbox on"), ("completed", "has completed (Succeeded)"),
])  # fmt: skip
def test_not_scheduled_no_sandbox_completed(workloads: Workloads, run: Run, tmp_path: Path, state: str, said: str) -> None:
    node = {"not scheduled": None, "scheduled, no sandbox": "node-of-nobody", "completed": NODES[0].name}[state]
    name = workloads.create("hard-gone", node, container={"command": ["true"]}, restartPolicy="Never")
    if state == "completed":
        workloads.wait(name, "Succeeded")
    environment, calls = counting_kubectl(tmp_path)
    refused = run(name, "-n", NAMESPACE, environment=environment)
    assert refused.status == ExitStatus.NO_NAMESPACE and said in refused.err
    assert calls.read_text() == "", "no agent pod is worth making for this"
    workloads.delete(name)


@on_both
def test_host_network(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.create(f"hard-host-{node.number}", node.name, hostNetwork=True)
    workloads.wait(name)
    item = answer(run, name)
    assert item["namespace"]["inode"] == int(node.run(["stat", "-Lc", "%i", "/proc/1/ns/net"]).stdout)
    assert item["role"] == "host" and codes(item) == []
    workloads.delete(name)


@on_both
def test_two_sandboxes_for_a_pod(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """Its pause process is killed: the kubelet makes another sandbox, and the old one stays in the runtime's list for a while."""
    name = workloads.create(f"hard-two-{node.number}", node.name)
    workloads.wait(name)
    first = answer(run, name)["sandbox"]
    node.run(["kill", "-9", str(first["pid"])], check=True)
    deadline = time.monotonic() + 60
    while (said := run(name, "-n", NAMESPACE, "-o", "json")).status != 0 or said.json["sandbox"]["id"] == first["id"]:
        assert said.status in (0, ExitStatus.NO_NAMESPACE) and time.monotonic() < deadline, said.err
        if said.status == 0 and said.json["sandbox"]["state"] != "ready":  # its containers live on in the old one's namespace
            assert said.json["verdict"] == "orphan"
    item = said.json
    assert (item["sandbox"]["state"], item["sandbox"]["attempt"]) == ("ready", first["attempt"] + 1)
    assert first["id"][:12] in "".join(one["message"] for one in item["warnings"] if one["code"] == "other-sandboxes")
    workloads.delete(name)


@on_both
def test_namespace_file_without_process_and_plain_file(testbed: Cluster, run: Run, node: Node) -> None:
    live, stale = f"hard-{secrets.token_hex(3)}", f"hard-{secrets.token_hex(3)}"
    node.run(["ip", "netns", "add", live], check=True)
    node.run(["touch", f"/run/netns/{stale}"], check=True)
    try:
        items = {one["namespace"]["path"]: one for one in run("--node", node.name, "list", "-o", "json").json["items"]}
        held, gone = items[f"/run/netns/{live}"], items[f"/run/netns/{stale}"]
        assert (held["namespace"]["heldBy"], held["role"], held["process"]) == (["mount"], "named", None)
        assert (gone["verdict"], gone["namespace"]["inode"]) == ("stale", None)
    finally:
        node.run(["ip", "netns", "del", live])
        node.run(["rm", f"/run/netns/{stale}"])


@on_both
def test_api_pod_ip_is_not_in_the_namespace(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.create(f"hard-ip-{node.number}", node.name)
    ip = workloads.wait(name)["status"]["podIP"]
    node.run(["nsenter", f"--net={path_of(run, name)}", "ip", "addr", "del", f"{ip}/24", "dev", "eth0"], check=True)
    item = answer(run, name)
    assert codes(item) == ["pod-ip-missing"] and ip in item["warnings"][0]["message"]
    assert f"! the API server says that the pod has {ip}" in run(name, "-n", NAMESPACE).out
    workloads.delete(name)


FOREIGN = """
import os, socket, subprocess, sys, threading
server = socket.socket(socket.AF_UNIX)
place = f"/tmp/foreign-{os.getpid()}"
server.bind(place)
server.listen()
subprocess.run(["mount", "--bind", place, sys.argv[1]], check=True)
os.unlink(place)
def talk():
    while True:
        one, _ = server.accept()
        one.sendall(b"220 smtp.example.com ESMTP\\r\\n")
        one.recv(1000)
        one.close()
threading.Thread(target=talk, daemon=True).start()
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


@on_both
def test_runtime_socket_is_foreign(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """Somebody else answers where the runtime should: in a mount namespace of its own, on the node itself."""
    path = "/run/docker.sock" if node.runtime == "docker" else "/run/containerd/containerd.sock"
    prefix = (*node.command([]), "unshare", "--mount", "--propagation=private", sys.executable, "-c", FOREIGN, path)
    said = run("--local", "list", "-o", "json", prefix=prefix)
    assert said.status == ExitStatus.INCOMPLETE and path in said.err
    inferred = [one for one in said.json["items"] if one["sandbox"]]
    assert inferred and {(one["sandbox"]["source"], one["verdict"]) for one in inferred} == {("cgroup", "unknown")}


@contextmanager
def more_links(node: Node, path: str, count: int) -> Iterator[None]:
    lines = "".join(f"link add more{n} group 77 type veth peer name other{n}\n" for n in range(count))
    node.run(["nsenter", f"--net={path}", "ip", "-batch", "-"], input=lines, check=True)
    yield
    node.run(["nsenter", f"--net={path}", "ip", "link", "del", "group", "77"], check=True)


@on_both
def test_ipv6_only_dual_stack_several_and_thousands_of_interfaces(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.create(f"hard-many-{node.number}", node.name)
    ips = [one["ip"] for one in workloads.wait(name)["status"]["podIPs"]]
    path = path_of(run, name)
    with more_links(node, path, 1500):
        item = answer(run, name)
        assert len(item["interfaces"]) == 3002 and codes(item) == []
    assert {address["address"] for one in item["interfaces"] for address in one["addresses"]} >= set(ips) and len(ips) == 2
    node.run(["nsenter", f"--net={path}", "ip", "-4", "addr", "flush", "dev", "eth0"], check=True)
    item = answer(run, name)
    (eth0,) = [one for one in item["interfaces"] if one["name"] == "eth0"]
    assert {address["family"] for address in eth0["addresses"]} == {"inet6"} and codes(item) == ["pod-ip-missing"]
    workloads.delete(name)


@on_both
def test_user_namespace_pods(testbed: Cluster, run: Run, node: Node) -> None:
    """As a pod with a user namespace has it: a network namespace that another user namespace owns."""
    script = "ip link set lo up; echo $$; exec sleep 120"
    process = node.run(["sh", "-c", f"unshare --user --map-root-user --net sh -c '{script}' > /tmp/hard-userns 2>&1 & echo $!"], check=True)
    try:
        time.sleep(1)
        pid = process.stdout.strip()
        inode = int(node.run(["stat", "-Lc", "%i", f"/proc/{pid}/ns/net"], check=True).stdout)
        (item,) = [one for one in run("--node", node.name, "list", "-o", "json").json["items"] if one["namespace"]["inode"] == inode]
        assert [(one["name"], one["state"]) for one in item["interfaces"]] == [("lo", "up")]
    finally:
        node.run(["kill", pid])


@on_both
def test_names_with_control_characters(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.create(f"hard-names-{node.number}", node.name)
    workloads.wait(name)
    nasty = "red\x1b[31m\x07"
    there = ["nsenter", f"--net={path_of(run, name)}", "ip", "link"]
    node.run([*there, "add", "x\x1b[2J", "type", "veth", "peer", "name", "y"], check=True)
    node.run([*there, "set", "y", "alias", nasty], check=True)
    links = {one["name"]: one for one in answer(run, name)["interfaces"]}
    assert links["y"]["alias"] == nasty and "x\x1b[2J" in links
    text = run(name, "-n", NAMESPACE).out
    assert "\x1b" not in text and "x\\x1b[2J" in text
    workloads.delete(name)


@on_both
def test_routed_pods_without_a_bridge(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """Calico's shape, made by hand: the veth leaves its bridge, and the host has a route to the pod's address through it."""
    name = workloads.create(f"hard-routed-{node.number}", node.name)
    ip = workloads.wait(name)["status"]["podIP"]
    (peer,) = [one["peer"] for one in answer(run, name)["interfaces"] if one["peer"]]
    node.run(["ip", "link", "set", peer["name"], "nomaster"], check=True)
    node.run(["ip", "route", "add", f"{ip}/32", "dev", peer["name"]], check=True)
    (found,) = [one["peer"] for one in answer(run, name)["interfaces"] if one["peer"]]
    assert (found["name"], found["master"], found["routes"]) == (peer["name"], None, [ip])
    assert json.loads(node.run(["ip", "-j", "route", "get", ip]).stdout)[0]["dev"] == found["name"]
    workloads.delete(name)
