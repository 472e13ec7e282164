"""`link` and `unlink` on both runtimes, through the real kubectl; the node's own `ip netns` says whether it is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from kubectl_netns.errors import ExitStatus
from tests import oracle, schema
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.kube.node import Node
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Outcome, Run
from tests.soon import soon

on_both = pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
SCHEMA = json.loads(schema.FILE.read_text())


@pytest.fixture
def run(warm: Run) -> Run:
    return warm


@pytest.fixture(autouse=True)
def tidy(testbed: Cluster) -> Iterator[None]:
    """Whatever a test has left in a node's /run/netns beside the runtime's own files goes."""
    before = {node.name: names(node) for node in NODES}
    yield
    for node in NODES:
        for name in names(node) - before[node.name]:
            if not name.startswith("cni-"):
                node.run(["sh", "-c", f"umount /run/netns/{name} 2>/dev/null; rm -rf /run/netns/{name}"] if not is_link(node, name)
                         else ["rm", f"/run/netns/{name}"])  # fmt: skip


def names(node: Node) -> set[str]:
    return set(node.run(["ls", "-A", "/run/netns"]).stdout.splitlines())


def is_link(node: Node, name: str) -> bool:
    return node.run(["test", "-L", f"/run/netns/{name}"]).returncode == 0


def listed(node: Node) -> set[str]:
    """By the node's own `ip netns list`."""
    return {line.split()[0] for line in node.run(["ip", "netns", "list"], check=True).stdout.splitlines()}


def addresses(node: Node, name: str) -> list[str]:
    """What the node's own `ip netns exec NAME ip a` shows of eth0."""
    links = json.loads(node.run(["ip", "netns", "exec", name, "ip", "-j", "addr", "show", "eth0"], check=True).stdout)
    return [one["local"] for link in links for one in link["addr_info"] if one["scope"] == "global"]


def ips(workloads: Workloads, pod: str) -> list[str]:
    """The API server's."""
    return [one["ip"] for one in pods.get(workloads.environment, "pod", "-n", NAMESPACE, pod)["status"]["podIPs"]]


def json_of(outcome: Outcome, status: int = 0) -> Any:
    assert outcome.status == status, outcome.err
    jsonschema.validate(outcome.json, SCHEMA)
    return outcome.json


def links(run: Run, node: Node) -> dict[str, Any]:
    found = json_of(run("link", "--list", "--node", node.name, "-o", "json"))["items"]
    return {one["name"]: one for one in found}


@on_both
def test_linked_shown_entered_and_taken_back(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod = workloads.names[node.name]
    name = f"{NAMESPACE}_{pod}"
    shown = run(pod, "-n", NAMESPACE, "-o", "json").json["namespace"]
    before = node.run(["stat", "-c", "%d:%i", shown["path"]]).stdout
    answer = run("link", pod, "-n", NAMESPACE)
    assert (answer.status, answer.out) == (0, f"/run/netns/{name} on {node.name} → {shown['path']}\n")
    assert answer.err == f"hint: on {node.name}: ip netns exec {name} ip addr\n"
    assert name in listed(node) and addresses(node, name) == ips(workloads, pod)
    assert node.run(["readlink", f"/run/netns/{name}"]).stdout.strip() == shown["path"]
    again = json_of(run("link", pod, "-n", NAMESPACE, "-o", "json"))
    assert (again["kind"], again["outcome"], again["state"], again["inode"]) == ("NetworkNamespaceLink", "present", "live", shown["inode"])
    assert "was there already" in run("link", f"pod/{pod}", "-n", NAMESPACE).out
    found = links(run, node)[name]
    uid = pods.get(workloads.environment, "pod", "-n", NAMESPACE, pod)["metadata"]["uid"]
    assert (found["pod"], found["target"], found["node"]) == ({"namespace": NAMESPACE, "name": pod, "uid": uid}, shown["path"], node.name)
    assert run("link", "--list", "--all-nodes", "-o", "name").out.splitlines().count(f"/run/netns/{name}") == 1
    gone = run("unlink", pod, "-n", NAMESPACE)
    assert (gone.status, gone.out, gone.err) == (0, f"/run/netns/{name} on {node.name} removed\n", "")
    assert name not in listed(node)
    # the runtime's own mount is untouched
    assert node.run(["stat", "-c", "%d:%i", shown["path"]]).stdout == before
    assert run(pod, "-n", NAMESPACE, "-o", "json").json["namespace"] == shown
    twice = run("unlink", pod, "-n", NAMESPACE)
    assert (twice.status, twice.out) == (ExitStatus.NOT_FOUND, "") and "has made no link" in twice.err


def test_two_pods_on_two_nodes_at_once(testbed: Cluster, workloads: Workloads, run: Run) -> None:
    wanted = [workloads.names[node.name] for node in reversed(NODES)]
    made = json_of(run("link", *wanted, "-n", NAMESPACE, "-o", "json"))
    assert [(one["pod"]["name"], one["node"], one["outcome"]) for one in made["items"]] == [
        (pod, node.name, "made") for pod, node in zip(wanted, reversed(NODES))
    ]
    for node in NODES:
        pod = workloads.names[node.name]
        assert addresses(node, f"{NAMESPACE}_{pod}") == ips(workloads, pod)
    partly = run("unlink", wanted[0], "nobody", "-n", NAMESPACE)
    assert partly.status == ExitStatus.INCOMPLETE and "removed" in partly.out and 'no pod "nobody"' in partly.err
    assert "unlink nobody --node NODE" in partly.err
    name = f"{NAMESPACE}_{wanted[1]}"
    everywhere = json_of(run("unlink", name, "--all-nodes", "-o", "json"))
    assert [(one["name"], one["node"]) for one in everywhere["items"]] == [(name, NODES[0].name)]


@on_both
def test_after_the_pod_is_deleted(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod = workloads.create(f"link-brief-{node.number}", node.name)
    workloads.wait(pod)
    name = f"{NAMESPACE}_{pod}"
    made = json_of(run("link", pod, "-n", NAMESPACE, "-o", "json"))
    shown = run("--node", node.name, "list")
    assert any(line.split()[-1] == name and f"{NAMESPACE}/{pod}" in line for line in shown.out.splitlines()), shown.out
    pods.kubectl(workloads.environment, "delete", "pod", "-n", NAMESPACE, pod, "--wait=true", "--timeout=60s")
    # `ip netns` cannot enter it any more, and nothing keeps the namespace (dockerd leaves the empty file for a minute)
    soon(lambda: node.run(["ip", "netns", "exec", name, "true"]).returncode, 20)
    assert name in names(node)
    assert made["inode"] not in oracle.namespaces(lambda words: node.run(words).stdout)
    items = json_of(run("--node", node.name, "list", "-o", "json"))["items"]
    (stale,) = [item for item in items if item["namespace"]["path"] == f"/run/netns/{name}"]
    assert (stale["role"], stale["verdict"], stale["namespace"]["inode"]) == ("named", "stale", None)
    assert made["target"] in stale["reason"]
    row = next(line for line in run("--node", node.name, "list", "-o", "wide").out.splitlines() if name in line)
    assert "stale" in row and f"it is a link to {made['target']}, " in row
    dangling = links(run, node)[name]
    assert (dangling["state"], dangling["pod"]["uid"]) == ("stale", made["pod"]["uid"]) and made["target"] in dangling["reason"]
    lost = run("unlink", pod, "-n", NAMESPACE)
    assert lost.status == ExitStatus.NOT_FOUND and f"unlink {pod} --node NODE" in lost.err
    other = next(one for one in NODES if one != node)
    assert run("unlink", name, "--node", other.name).status == ExitStatus.NOT_FOUND
    assert run("unlink", name, "--node", node.name).out == f"/run/netns/{name} on {node.name} removed\n"
    assert not is_link(node, name)


@on_both
def test_a_deleted_pods_links_are_found_by_its_name(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod = workloads.create(f"link-gone-{node.number}", node.name)
    workloads.wait(pod)
    assert run("link", pod, "-n", NAMESPACE, "--name", "link-mine").status == 0
    workloads.delete(pod)
    assert run("unlink", f"pod/{pod}", "--node", node.name, "-n", "elsewhere").status == ExitStatus.NOT_FOUND
    assert run("unlink", f"pod/{pod}", "--node", node.name, "-n", NAMESPACE).out.startswith("/run/netns/link-mine on ")


FOREIGN = {
    "file": "touch /run/netns/link-taken", "symlink": "ln -s /proc/1/ns/net /run/netns/link-taken",
    "namespace": "ip netns add link-taken",
}  # fmt: skip


@on_both
@pytest.mark.parametrize("what", FOREIGN)
def test_what_others_made_is_refused_and_stays(testbed: Cluster, workloads: Workloads, run: Run, node: Node, what: str) -> None:
    pod = workloads.names[node.name]
    node.run(["sh", "-c", FOREIGN[what]], check=True)
    before = node.run(["stat", "-c", "%d:%i:%F", "/run/netns/link-taken"]).stdout
    refused = run("link", pod, "-n", NAMESPACE, "--name", "link-taken")
    assert (refused.status, refused.out) == (ExitStatus.CONFLICT, "")
    assert "link-taken is there already" in refused.err and "hint: choose another name with --name" in refused.err
    for where in (["--node", node.name], ["--all-nodes"]):
        kept = run("unlink", "link-taken", *where)
        assert (kept.status, kept.out) == (ExitStatus.CONFLICT, "") and "was not made by this tool" in kept.err
    assert node.run(["stat", "-c", "%d:%i:%F", "/run/netns/link-taken"]).stdout == before
    assert "link-taken" not in links(run, node)
    if what == "namespace":
        node.run(["ip", "netns", "del", "link-taken"], check=True)


@on_both
def test_an_unrelated_ip_netns_add_and_del(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod = workloads.names[node.name]
    assert run("link", pod, "-n", NAMESPACE, "--name", "link-kept").status == 0
    node.run(["ip", "netns", "add", "link-other"], check=True)
    assert addresses(node, "link-kept") == ips(workloads, pod)
    node.run(["ip", "netns", "del", "link-other"], check=True)
    assert addresses(node, "link-kept") == ips(workloads, pod)
    assert run("unlink", "link-kept", "--node", node.name).status == 0 and "link-kept" not in listed(node)


@on_both
def test_another_pods_live_link_is_not_taken_over(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod, other = workloads.names[node.name], workloads.create(f"link-other-{node.number}", node.name)
    workloads.wait(other)
    assert run("link", pod, "-n", NAMESPACE, "--name", "link-one").status == 0
    refused = run("link", other, "-n", NAMESPACE, "--name", "link-one")
    assert refused.status == ExitStatus.CONFLICT and f"of pod {NAMESPACE}/{pod}" in refused.err
    assert addresses(node, "link-one") == ips(workloads, pod)
    assert run("unlink", pod, "-n", NAMESPACE).status == 0
    workloads.delete(other)


@on_both
def test_a_host_network_pod_is_refused(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod = workloads.create(f"link-host-{node.number}", node.name, hostNetwork=True)
    workloads.wait(pod)
    before = names(node)
    refused = run("link", pod, "-n", NAMESPACE)
    assert (refused.status, refused.out) == (ExitStatus.NO_NAMESPACE, "") and f"the network of {node.name} itself" in refused.err
    local = run("--local", "link", pod, "-n", NAMESPACE, prefix=tuple(node.command([])))
    assert local.status == ExitStatus.NO_NAMESPACE and "the node's own network" in local.err
    assert names(node) == before
    workloads.delete(pod)


@on_both
def test_local_on_the_node_itself(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    pod, there = workloads.names[node.name], tuple(node.command([]))
    name = f"{NAMESPACE}_{pod}"
    made = json_of(run("--local", "link", pod, "-n", NAMESPACE, "-o", "json", prefix=there))
    assert (made["node"], made["name"], made["outcome"]) == (None, name, "made") and addresses(node, name) == ips(workloads, pod)
    assert json_of(run("link", pod, "-n", NAMESPACE, "-o", "json"))["outcome"] == "present"
    assert name in [one["name"] for one in json_of(run("--local", "link", "--list", "-o", "json", prefix=there))["items"]]
    assert run("--local", "unlink", pod, "-n", NAMESPACE, prefix=there).out == f"/run/netns/{name} removed\n"
    assert run("--local", "unlink", pod, "-n", NAMESPACE, prefix=there).status == ExitStatus.NOT_FOUND
    assert json_of(run("link", pod, "-n", NAMESPACE, "-o", "json"))["outcome"] == "made"
    assert run("--local", "unlink", name, prefix=there).status == 0
    assert run("--local", "link", "nobody", prefix=there).status == ExitStatus.NOT_FOUND
    assert name not in listed(node)


@on_both
def test_nothing_is_written_to_the_disk(testbed: Cluster, workloads: Workloads, run: Run, node: Node) -> None:
    assert run("link", workloads.names[node.name], "-n", NAMESPACE, "--name", "link-memory").status == 0
    assert node.run(["stat", "-fc", "%T", "/run/netns/link-memory", "/run/netns"]).stdout.split()[-1] == "tmpfs"
    assert run("unlink", "link-memory", "--node", node.name).status == 0


def test_kubectls_as_is_not_the_links_name(workloads: Workloads, run: Run) -> None:
    pod = next(iter(workloads.names.values()))
    refused = run("link", pod, "-n", NAMESPACE, "--as", "mine")
    assert refused.status == ExitStatus.REFUSED and "say --name" in refused.err
