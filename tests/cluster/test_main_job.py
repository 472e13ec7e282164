"""`kubectl netns POD` and `list` on every node of a real cluster, through the real kubectl, compared with what others say."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from kubectl_netns.errors import ExitStatus
from tests import oracle
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.node import Node
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Run
from tests.soon import soon

on_both = pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)


def inside(node: Node, path: str) -> oracle.Command:
    """Runs things of the node in one of its network namespaces."""
    return lambda words: node.run(["nsenter", f"--net={path}", *words], check=True).stdout


@on_both
def test_a_pod_s_interfaces_are_those_that_ip_shows(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    answer = run(workloads.names[node.name], "-n", NAMESPACE, "-o", "json")
    assert (answer.status, answer.err) == (0, "")
    there = inside(node, answer.json["namespace"]["path"])
    assert oracle.ours(answer.json["interfaces"]) == oracle.interfaces(there)
    assert answer.json["namespace"]["inode"] == int(there(["stat", "-Lc", "%i", "/proc/self/ns/net"]))


@on_both
def test_the_host_side_is_what_ip_and_bridge_show(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    item = run(workloads.names[node.name], "-n", NAMESPACE, "-o", "json").json
    (peer,) = (one["peer"] for one in item["interfaces"] if one["peer"])
    host = {link["ifindex"]: link for link in json.loads(node.run(["ip", "-j", "-d", "link"]).stdout)}
    bridges = {port["ifname"]: port["master"] for port in json.loads(node.run(["bridge", "-j", "link"]).stdout)}
    outside = host[peer["index"]]
    assert (peer["name"], peer["onHost"], peer["master"]) == (outside["ifname"], True, bridges[outside["ifname"]])
    # the other way round, by the node's own table: its veth leads to index 2 of the namespace with our nsid
    assert (outside["link_index"], outside["link_netnsid"]) == (2, item["namespace"]["nsid"])
    assert peer["inode"] == int(node.run(["stat", "-Lc", "%i", "/proc/1/ns/net"]).stdout)


@on_both
def test_the_pod_is_the_api_server_s(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.names[node.name]
    item = run(f"pod/{name}", "-n", NAMESPACE, "-o", "json").json
    pod = pods.get(workloads.environment, "pod", "-n", NAMESPACE, name)
    assert item["pod"] == {
        "namespace": NAMESPACE, "name": name, "uid": pod["metadata"]["uid"],
        "ips": [one["ip"] for one in pod["status"]["podIPs"]], "hostNetwork": False,
    }  # fmt: skip
    assert len(item["pod"]["ips"]) == 2
    info = pods.get(workloads.environment, "node", node.name)["status"]["nodeInfo"]
    # the kubelet cuts off Debian's suffix (~ds1), so ours may be longer
    assert f"{item['sandbox']['runtime']}://{item['sandbox']['runtimeVersion']}".startswith(info["containerRuntimeVersion"])
    assert item["platform"] == f"{info['operatingSystem']}/{info['architecture']}"
    assert (item["node"], item["role"], item["verdict"]) == (node.name, "pod", "owned")


def test_dockers_sandbox_is_what_docker_inspect_shows(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    node = NODES[0]
    item = run(workloads.names[node.name], "-n", NAMESPACE, "-o", "json").json
    (details,) = json.loads(node.run(["docker", "inspect", item["sandbox"]["id"]]).stdout)
    network = details["NetworkSettings"]
    assert details["Config"]["Labels"]["io.kubernetes.docker.type"] == "podsandbox"
    assert details["Config"]["Labels"]["io.kubernetes.pod.uid"] == item["pod"]["uid"]
    assert (details["State"]["Pid"], details["Id"]) == (item["sandbox"]["pid"], item["sandbox"]["id"])
    assert network["SandboxID"] == item["sandbox"]["networkId"]
    assert network["SandboxKey"].removeprefix("/var") == item["namespace"]["path"]
    assert item["namespace"]["path"] == f"/run/docker/netns/{network['SandboxID'][:12]}"


def test_containerds_sandbox_is_what_its_own_client_shows(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    node = NODES[1]
    item = run(workloads.names[node.name], "-n", NAMESPACE, "-o", "json").json
    tasks = node.run(["ctr", "-n", "k8s.io", "tasks", "list"]).stdout.splitlines()[1:]
    assert [str(item["sandbox"]["pid"])] == [line.split()[1] for line in tasks if line.startswith(item["sandbox"]["id"])]
    spec = json.loads(node.run(["ctr", "-n", "k8s.io", "containers", "info", item["sandbox"]["id"]]).stdout)["Spec"]
    (path,) = (one["path"] for one in spec["linux"]["namespaces"] if one["type"] == "network")
    assert path.removeprefix("/var") == item["namespace"]["path"]
    assert spec["annotations"]["io.kubernetes.cri.sandbox-uid"] == item["pod"]["uid"]


@on_both
def test_list_has_every_namespace_that_a_process_is_in(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    answer = run("--node", node.name, "list", "-o", "json")
    assert (answer.status, answer.err) == (0, "")
    items = answer.json["items"]
    listed = oracle.namespaces(lambda words: node.run(words).stdout)
    numbered = {item["namespace"]["nsid"] for item in items if item["namespace"]["heldBy"] == ["nsid"]}
    seen = [item for item in items if item["namespace"]["heldBy"] != ["hidden-mount"]]  # which lsns knows nothing of
    assert {item["namespace"]["inode"] for item in seen} - {None} == listed
    assert numbered <= {one["nsid"] for one in json.loads(node.run(["ip", "-j", "netns", "list-id"]).stdout)}
    assert items[0]["role"] == "host"
    assert oracle.ours(items[0]["interfaces"]) == oracle.interfaces(lambda words: node.run(words, check=True).stdout)
    (mine,) = (item for item in items if item["pod"] and item["pod"]["name"] == workloads.names[node.name])
    # dockerd keeps a socket in each of its sandboxes
    assert (mine["pod"]["namespace"], mine["namespace"]["heldBy"][:2]) == (NAMESPACE, ["process", "mount"])


def test_list_takes_the_node_before_and_after_the_verb(workloads: Workloads, run: Run) -> None:
    node = next(iter(workloads.names))
    before, after = run("--node", node, "list", "-o", "name"), run("list", f"--node={node}", "-o", "name")
    assert before.status == after.status == 0 and before.out == after.out != ""


def test_list_of_one_namespaces_pods(workloads: Workloads, run: Run) -> None:
    answer = run("list", "--all-nodes", "-n", NAMESPACE, "-o", "json")
    assert set(workloads.names.values()) <= {item["pod"]["name"] for item in answer.json["items"]}
    assert {item["pod"]["namespace"] for item in answer.json["items"]} == {NAMESPACE}


def test_pods_on_two_nodes_in_the_order_of_the_words(workloads: Workloads, run: Run) -> None:
    names = sorted(workloads.names.values(), reverse=True)
    answer = run(*names, "-n", NAMESPACE, "-o", "json")
    assert answer.status == 0
    assert [item["pod"]["name"] for item in answer.json["items"]] == names
    selected = run("-l", "app=netns-test", "-n", NAMESPACE, "-o", "json")
    assert {item["pod"]["name"] for item in selected.json["items"]} >= set(names)


def test_a_selector_in_all_namespaces(workloads: Workloads, run: Run) -> None:
    elsewhere = run("-A", "-l", "app=netns-test", "-o", "json", "-n", "default")
    listed = pods.get(workloads.environment, "pods", "-A", "-l", "app=netns-test", "--field-selector=status.phase=Running")["items"]
    assert {item["pod"]["uid"] for item in elsewhere.json["items"]} == {pod["metadata"]["uid"] for pod in listed}
    assert run("-l", "app=netns-test", "-n", "default").status == ExitStatus.NOT_FOUND


@on_both
def test_output_ip_is_what_ip_addr_prints(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.names[node.name]
    path = run(name, "-n", NAMESPACE, "-o", "name").out.strip()
    assert run(name, "-n", NAMESPACE, "-o", "ip").out == inside(node, path)(["ip", "addr"])


@on_both
def test_a_host_network_pod_is_answered_with_the_nodes_namespace(
    testbed: Cluster, workloads: Workloads, run: Run, node: Node
) -> None:
    name = workloads.create(f"host-{node.number}", node.name, hostNetwork=True)
    workloads.wait(name)
    answer = run(name, "-n", NAMESPACE, "-o", "json")
    assert answer.status == 0
    assert (answer.json["role"], answer.json["pod"]["hostNetwork"]) == ("host", True)
    assert answer.json["namespace"]["inode"] == int(node.run(["stat", "-Lc", "%i", "/proc/1/ns/net"]).stdout)
    assert answer.json["sandbox"]["state"] == "ready"
    assert "the node's own network" in run(name, "-n", NAMESPACE).out
    workloads.delete(name)


IN_A_POD = """
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io
cp -r {account} /run/secrets/kubernetes.io/serviceaccount
exec "$@"
"""


def test_in_a_pod_the_service_account_serves(testbed: Cluster, workloads: Workloads, run: Run, tmp_path: Path) -> None:
    """A mount namespace with what a pod finds in it, and the README's role: kubectl and we take it, and kubectl's `debug` and `exec` do."""
    config = yaml.safe_load(testbed.operator_kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]
    host, port = server["server"].removeprefix("https://").split(":")
    (tmp_path / "token").write_text(config["users"][0]["user"]["token"])
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(server["certificate-authority-data"]))
    (tmp_path / "namespace").write_text("default")
    prefix = ("unshare", "--mount", "sh", "-ec", IN_A_POD.format(account=tmp_path), "sh")
    settings = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "KUBECONFIG": "", "HOME": str(tmp_path)}
    name = next(iter(workloads.names.values()))
    answer = run(name, "-n", NAMESPACE, "-o", "json", prefix=prefix, environment=settings)
    assert (answer.status, answer.err) == (0, "")
    assert answer.json["pod"]["name"] == name
    refused = run(name, "--as", "nobody", prefix=prefix, environment=settings)
    assert refused.status == ExitStatus.FAILURE and "service account of this pod" in refused.err


@on_both
def test_local_on_the_node_itself_gives_the_same_facts(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    name = workloads.names[node.name]
    there = run("--local", name, "-n", NAMESPACE, "-o", "json", prefix=tuple(node.command([])))
    remote = run(name, "-n", NAMESPACE, "-o", "json")
    assert there.status == 0
    for key in ("namespace", "role", "sandbox", "verdict"):
        assert there.json[key] == remote.json[key]
    assert there.json["pod"]["uid"] == remote.json["pod"]["uid"]
    assert oracle.ours(there.json["interfaces"]) == oracle.ours(remote.json["interfaces"])


@on_both
def test_nothing_is_pinned(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    """After an agent has looked, a deleted pod's namespace and veth are gone."""
    name = workloads.create(f"brief-{node.number}", node.name)
    workloads.wait(name)
    item = run(name, "-n", NAMESPACE, "-o", "json").json
    (peer,) = (one["peer"]["name"] for one in item["interfaces"] if one["peer"])
    pods.kubectl(workloads.environment, "delete", "pod", "-n", NAMESPACE, name, "--wait=true", "--timeout=60s")
    soon(lambda: node.run(["ip", "link", "show", peer]).returncode, 20)
    assert item["namespace"]["inode"] not in oracle.namespaces(lambda words: node.run(words).stdout)
