"""`kubectl netns find` on both runtimes, for every kind of thing: what is looked for is always somebody else's word.

kubectl says addresses and container IDs, `ip -j` on the node interfaces and MACs, `docker inspect` and `ctr` sandboxes and
processes, `stat` inodes.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kubectl_netns.errors import ExitStatus
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.node import Node
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Outcome, Run
from tests.soon import soon

on_both = pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)


@pytest.fixture
def run(warm: Run) -> Run:
    return warm


@dataclass(frozen=True)
class Facts:
    """What others say of a node's pod. `veth` is `ip -j link`'s of its end on the node, `inside` of its own eth0."""

    name: str
    ips: list[str]
    container: str
    container_pid: int
    sandbox: str
    pid: int
    path: str
    network: str | None
    inode: int
    veth: dict[str, Any]
    inside: dict[str, Any]


def sandbox(node: Node, uid: str) -> tuple[str, int, str, str | None]:
    """The sandbox's ID, its process, its namespace's file and Docker's SandboxID, by the runtime's own tools."""
    if node.runtime == "docker":
        filters = [f"--filter=label=io.kubernetes.pod.uid={uid}", "--filter=label=io.kubernetes.docker.type=podsandbox"]
        (identifier,) = node.run(["docker", "ps", "--quiet", "--no-trunc", *filters], check=True).stdout.split()
        (details,) = json.loads(node.run(["docker", "inspect", identifier], check=True).stdout)
        network = details["NetworkSettings"]
        return identifier, details["State"]["Pid"], network["SandboxKey"], network["SandboxID"]
    labels = [f'labels."io.kubernetes.pod.uid"=={uid}', 'labels."io.cri-containerd.kind"==sandbox']
    (identifier,) = ctr(node, "containers", "list", "--quiet", ",".join(labels)).split()
    spec = json.loads(ctr(node, "containers", "info", identifier))["Spec"]
    (path,) = (one["path"] for one in spec["linux"]["namespaces"] if one["type"] == "network")
    return identifier, task(node, identifier), path, None


def ctr(node: Node, *words: str) -> str:
    return node.run(["ctr", "--namespace=k8s.io", *words], check=True).stdout


def task(node: Node, identifier: str) -> int:
    return next(int(line.split()[1]) for line in ctr(node, "tasks", "list").splitlines() if line.startswith(identifier))


def container_pid(node: Node, identifier: str) -> int:
    if node.runtime == "docker":
        return int(node.run(["docker", "inspect", "--format={{.State.Pid}}", identifier], check=True).stdout)
    return task(node, identifier)


@pytest.fixture(scope="module")
def facts(testbed: Cluster, workloads: Workloads) -> dict[str, Facts]:
    return {node.name: gather(workloads, node, workloads.names[node.name]) for node in NODES}


def gather(workloads: Workloads, node: Node, name: str) -> Facts:
    pod = pods.get(workloads.environment, "pod", "-n", NAMESPACE, name)
    identifier, pid, path, network = sandbox(node, pod["metadata"]["uid"])
    container = pod["status"]["containerStatuses"][0]["containerID"]
    inode = int(node.run(["stat", "-Lc", "%i", f"/proc/{pid}/ns/net"], check=True).stdout)
    (inside,) = json.loads(node.run(["nsenter", f"--net={path}", "ip", "-j", "-d", "link", "show", "dev", "eth0"], check=True).stdout)
    links = json.loads(node.run(["ip", "-j", "-d", "link"], check=True).stdout)
    (veth,) = [one for one in links if one["ifindex"] == inside["link_index"]]
    ips = [one["ip"] for one in pod["status"]["podIPs"]]
    inner = container_pid(node, container.partition("://")[2])
    return Facts(name, ips, container, inner, identifier, pid, path, network, inode, veth, inside)


def visited(answer: Outcome) -> list[str]:
    """The nodes on which -v says that an agent was started or used."""
    return sorted(set(re.findall(r"(?:starting the agent on|agent that was kept on) (\S+)", answer.err)))


def found(answer: Outcome) -> dict[str, Any]:
    """The one namespace that was found."""
    assert answer.status == 0, answer.err
    assert answer.json["kind"] == "NetworkNamespace", [item["foundBy"] for item in answer.json["items"]]
    return dict(answer.json)


def check(answer: Outcome, node: Node, known: Facts, kind: str, value: str) -> None:
    item = found(answer)
    assert (item["node"], item["namespace"]["inode"]) == (node.name, known.inode)
    assert (item["pod"]["namespace"], item["pod"]["name"], item["pod"]["ips"]) == (NAMESPACE, known.name, known.ips)
    assert (kind, value) in [(match["kind"], match["value"]) for match in item["foundBy"]]


@on_both
def test_a_pod_s_addresses_visit_its_node_only(facts: dict[str, Facts], run: Run, node: Node) -> None:
    """The second one too, which the API server cannot select by."""
    known = facts[node.name]
    assert len(known.ips) == 2
    for ip in (*known.ips, f"{known.ips[0]}/24"):
        answer = run("find", ip, "-o", "json", "-v")
        check(answer, node, known, "address", ip.partition("/")[0])
        assert visited(answer) == [node.name]
        assert found(answer)["foundBy"] == [{"kind": "address", "value": ip.partition("/")[0], "detail": f"eth0 ({known.inside['ifindex']})"}]


@on_both
def test_a_container_visits_its_node_only(facts: dict[str, Facts], run: Run, node: Node) -> None:
    known = facts[node.name]
    bare = known.container.partition("://")[2]
    for word in (known.container, bare[:12]):
        answer = run("find", word, "-o", "json", "-v")
        check(answer, node, known, "container", bare)
        assert visited(answer) == [node.name]


@on_both
def test_what_the_api_server_does_not_know_is_looked_for_on_all_nodes(facts: dict[str, Facts], run: Run, node: Node) -> None:
    known = facts[node.name]
    answer = run("find", known.sandbox[:13], "-o", "json", "-v")
    check(answer, node, known, "sandbox", known.sandbox)
    assert visited(answer) == sorted(one.name for one in NODES) and "looking on all nodes" in answer.err


@on_both
def test_every_kind_on_its_node(facts: dict[str, Facts], run: Run, node: Node) -> None:
    known = facts[node.name]
    words = [
        ("address", known.ips[0], known.ips[0]), ("mac", known.inside["address"].upper().replace(":", "-"), known.inside["address"]),
        ("mac", known.veth["address"], known.veth["address"]), ("interface", known.veth["ifname"], known.veth["ifname"]),
        ("inode", str(known.inode), str(known.inode)), ("inode", f"net:[{known.inode}]", str(known.inode)),
        ("sandbox", known.sandbox, known.sandbox), ("sandbox", f"{node.runtime}://{known.sandbox}", known.sandbox),
        ("container", known.container, known.container.partition("://")[2]),
        ("pid", f"{known.pid}", f"{known.pid}"), ("pid", f"{known.container_pid}", f"{known.container_pid}"),
        ("path", known.path, known.path.removeprefix("/var")), ("path", f"/proc/{known.pid}/ns/net", f"/proc/{known.pid}/ns/net"),
        ("name", known.path.rpartition("/")[2], known.path.rpartition("/")[2]),
    ]  # fmt: skip
    if known.network:
        words += [("network", known.network, known.network), ("network", known.network[:12], known.network)]
    for kind, word, value in words:
        # a number, or a few digits, may be something else's too
        check(run("--node", node.name, "find", word, "--kind", kind, "-o", "json"), node, known, kind, value)
    index = str(known.veth["ifindex"])
    check(run("find", "--node", node.name, index, "--kind=ifindex", "-o", "json"), node, known, "ifindex", index)


@on_both
def test_without_a_kind_every_reading_is_tried(facts: dict[str, Facts], run: Run, node: Node) -> None:
    known = facts[node.name]
    answer = run("find", str(known.pid), "--node", node.name, "-o", "json")
    assert answer.status == 0
    items = answer.json["items"] if answer.json["kind"] == "NetworkNamespaceList" else [answer.json]
    mine = {match["kind"] for item in items if item["namespace"]["inode"] == known.inode for match in item["foundBy"]}
    assert "pid" in mine and all(item["foundBy"] for item in items)


@on_both
def test_the_card_is_the_pod_s_with_a_line_more(facts: dict[str, Facts], run: Run, node: Node) -> None:
    known = facts[node.name]
    card = run("find", known.veth["ifname"], "--node", node.name).out.splitlines()
    (line,) = [line for line in card if line.startswith("Found by")]
    where = f"index {known.veth['ifindex']} on the host, peer of eth0"
    assert line.split(maxsplit=4) == ["Found", "by", "interface", known.veth["ifname"], where]
    plain = run(known.name, "-n", NAMESPACE).out.splitlines()
    assert [line.split() for line in card if not line.startswith("Found by")] == [line.split() for line in plain]


@on_both
def test_interfaces_of_the_node_itself_are_the_node_s(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    inode = int(node.run(["stat", "-Lc", "%i", "/proc/1/ns/net"], check=True).stdout)
    for word in ("cni0", "eth0", node.address):
        item = found(run("find", word, "--node", node.name, "-o", "json"))
        assert (item["role"], item["pod"], item["namespace"]["inode"]) == ("host", None, inode)
    both = run("find", "cni0", "-o", "json").json["items"]
    assert [item["node"] for item in both] == sorted(one.name for one in NODES)
    listing = run("find", "cni0").out.splitlines()
    assert listing[0].startswith("NODE") and listing[0].endswith("FOUND BY") and len(listing) == 3


@on_both
def test_a_node_s_address_visits_that_node_only(workloads: Workloads, testbed: Cluster, run: Run, node: Node) -> None:
    answer = run("find", node.address, "-o", "json", "-v")
    assert visited(answer) == [node.name] and found(answer)["role"] == "host"


@on_both
def test_a_pod_on_the_node_s_network(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.create(f"find-host-{node.number}", node.name, hostNetwork=True)
    try:
        pod = workloads.wait(name)
        container = pod["status"]["containerStatuses"][0]["containerID"]
        pid = container_pid(node, container.partition("://")[2])
        for word, kind in ((container, "container"), (str(pid), "pid")):
            item = found(run("find", word, "--node", node.name, "--kind", kind, "-o", "json"))
            assert (item["role"], item["pod"]["name"], item["pod"]["hostNetwork"]) == ("host", name, True)
            assert [match["kind"] for match in item["foundBy"]] == [kind]
    finally:
        workloads.delete(name)


@on_both
def test_an_address_that_the_api_server_knows_and_the_pod_has_lost(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.create(f"find-lost-{node.number}", node.name)
    try:
        ip = workloads.wait(name)["status"]["podIP"]
        known = gather(workloads, node, name)
        node.run(["nsenter", f"--net={known.path}", "ip", "addr", "del", f"{ip}/24", "dev", "eth0"], check=True)
        item = found(run("find", ip, "-o", "json"))
        assert item["pod"]["name"] == name and [warning["code"] for warning in item["warnings"]] == ["pod-ip-missing"]
        assert item["foundBy"] == [{"kind": "address", "value": ip, "detail": "as the API server says"}]
    finally:
        workloads.delete(name)


@on_both
def test_a_container_that_has_ended_leads_to_its_pod(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """It is restarted once, by ending its first process: the API server still knows the first one's ID."""
    command = ["python3", "-c", "import os, signal, time; signal.pause() if os.path.exists('/tmp/once/x') else (open('/tmp/once/x', 'w'), time.sleep(2))"]
    volume = {"volumes": [{"name": "once", "emptyDir": {}}]}
    name = workloads.create(
        f"find-ended-{node.number}", node.name, container={"command": command, "volumeMounts": [{"name": "once", "mountPath": "/tmp/once"}]}, **volume
    )
    try:
        ended = soon(lambda: last_container(workloads, name), 60)
        item = found(run("find", ended, "-o", "json"))
        assert item["pod"]["name"] == name
        assert [(match["kind"], match["detail"]) for match in item["foundBy"]] == [("container", "main, as the API server says")]
    finally:
        workloads.delete(name)


def last_container(workloads: Workloads, name: str) -> str | None:
    """The ID of the container before the one that runs now."""
    for status in pods.get(workloads.environment, "pod", "-n", NAMESPACE, name)["status"].get("containerStatuses", []):
        if status["state"].get("running"):
            return status.get("lastState", {}).get("terminated", {}).get("containerID")
    return None


@pytest.fixture
def odd(testbed: Cluster) -> Iterator[str]:
    """An altname with an escape in it, on the veth of nobody: a pair on the node itself."""
    name = f"nf{secrets.token_hex(3)}"
    NODES[0].run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"], check=True)
    altname = f"{name}\x1b[2J-and-more-than-fifteen"
    NODES[0].run(["ip", "link", "property", "add", "dev", name, "altname", altname], check=True)
    yield altname
    NODES[0].run(["ip", "link", "del", name])


def test_an_altname_with_an_escape(odd: str, run: Run) -> None:
    answer = run("find", odd)
    assert answer.status == 0 and "\x1b" not in answer.out and "\\x1b[2J" in answer.out and NODES[0].name in answer.out


@pytest.mark.parametrize("word", ["10.254.253.252", "fd00:dead::1", "02:aa:bb:cc:dd:fe", "vethnobody", "f" * 64, "/run/netns/nobody"])
def test_what_is_nowhere_is_not_found(testbed: Cluster, workloads: Workloads, run: Run, word: str) -> None:
    answer = run("find", word)
    assert (answer.status, answer.out) == (ExitStatus.NOT_FOUND, "")
    assert f'"{word}"' in answer.err and all(node.name in answer.err for node in NODES)


def test_an_address_of_another_node_is_not_found_here(facts: dict[str, Facts], run: Run) -> None:
    answer = run("find", facts[NODES[1].name].ips[0], "--node", NODES[0].name)
    assert answer.status == ExitStatus.NOT_FOUND


def test_a_namespace_of_pods(facts: dict[str, Facts], run: Run) -> None:
    ip = facts[NODES[0].name].ips[0]
    assert found(run("find", ip, "-n", NAMESPACE, "-o", "json"))["pod"]["name"] == facts[NODES[0].name].name
    assert run("find", ip, "-n", "kube-system").status == ExitStatus.NOT_FOUND


@pytest.mark.parametrize(("words", "said"), [
    (["4711"], "--node"), (["net:[4026532576]"], "--node"), (["/proc/1/ns/net"], "--node"), (["no such thing"], "nothing that can be looked for"),
    (["cni0", "--node", "node-of-nobody"], ""),
])  # fmt: skip
def test_refused_before_any_agent_is_made(testbed: Cluster, run: Run, words: list[str], said: str) -> None:
    answer = run("find", *words, "-v")
    assert answer.status == (ExitStatus.USAGE if said else ExitStatus.NOT_FOUND) and said in answer.err
    assert visited(answer) == []


def test_a_node_that_cannot_be_asked_leaves_it_open(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    answer = run("find", "vethnobody", "--node", NODES[0].name, "--node", "node-of-nobody")
    assert answer.status == ExitStatus.INCOMPLETE and "not everything could be looked at" in answer.err and "node-of-nobody" in answer.err


@on_both
def test_local_on_the_node_itself(facts: dict[str, Facts], run: Run, node: Node) -> None:
    known = facts[node.name]
    words = [known.ips[1], known.veth["ifname"], known.sandbox[:12], known.container.partition("://")[2][:12], f"/proc/{known.pid}/ns/net"]
    for word in words:
        item = found(run("--local", "find", word, "-o", "json", prefix=tuple(node.command([]))))
        assert (item["node"], item["namespace"]["inode"], item["pod"]["name"]) == (None, known.inode, known.name)
    assert run("--local", "find", "vethnobody", prefix=tuple(node.command([]))).status == ExitStatus.NOT_FOUND


def test_the_role_of_the_readme_is_enough(testbed: Cluster, facts: dict[str, Facts], run: Run) -> None:
    known = facts[NODES[0].name]
    operator = {"KUBECONFIG": str(testbed.operator_kubeconfig)}
    for word in (known.ips[0], known.veth["ifname"], known.container):
        item = found(run("find", word, "-o", "json", environment=operator))
        assert item["pod"]["name"] == known.name
