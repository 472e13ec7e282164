"""Every example of every `--help` works: it is run in a shell, as it stands there, and must end with status 0.

Examples are written for a small world, which is made here: the pods web-1 and web-2 with the label app=web, and a deployment `web`
that selects them, in the context's namespace. For what every cluster calls its own way the examples have these words, and here
they are replaced: `shop` by that namespace, CONTEXT by the context's name, node-a and node-b by two nodes, 10.244.2.14 by web-1's
address. What says --local is run on node-b itself, as root.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from kubectl_netns.commands import help
from tests.cluster import pods
from tests.cluster.kube.cluster import NODES, Cluster
from tests.cluster.plugin import installed
from tests.frozen import group

NAMESPACE = "netns-examples"
GROUP = group()
HELPS = {"netns": GROUP.help, **{name: verb.help for name, verb in GROUP.commands.items()}}
EXAMPLES = [(name, line) for name, text in HELPS.items() for line in help.parts(text)[1] if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def world(testbed: Cluster, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment for the examples: kubectl with this plug-in, and a kubeconfig whose namespace is the world's."""
    folder = tmp_path_factory.mktemp("examples")
    file = folder / "kubeconfig"
    file.write_text(pods.kubectl(environment, "config", "view", "--flatten", "--minify"))
    there = installed(folder / "bin", {**environment, "KUBECONFIG": str(file)})
    pods.kubectl(there, "config", "set-context", "--current", f"--namespace={NAMESPACE}")
    pods.kubectl(there, "create", "namespace", NAMESPACE, check=False)
    node = sorted(one["metadata"]["name"] for one in pods.get(there, "nodes")["items"])[0]
    items = [_web(name, node, testbed.image) for name in ("web-1", "web-2")] + [_deployment()]
    pods.kubectl(there, "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    try:
        pods.kubectl(there, "wait", "pod", "--for=condition=Ready", "--timeout=120s", "web-1", "web-2")
        yield there
    finally:
        pods.kubectl(there, "delete", "deployment/web", "pod/web-1", "pod/web-2", "--grace-period=0", "--force", "--ignore-not-found")


def _web(name: str, node: str, image: str) -> object:
    pod = pods.manifest(name, node, image, container={"command": ["python3", "-m", "http.server"]})
    pod["metadata"].update(namespace=NAMESPACE, labels={"app": "web"})
    return pod


def _deployment() -> object:
    """Of no replicas: that it has pods is a matter of its selector."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "netns.test/none:1"}]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}}  # fmt: skip


def _in_this_world(line: str, environment: dict[str, str]) -> str:
    nodes = sorted(one["metadata"]["name"] for one in pods.get(environment, "nodes")["items"])
    pod = pods.get(environment, "pod", "web-1")
    words = {"shop": NAMESPACE, "CONTEXT": pods.kubectl(environment, "config", "current-context").strip(),
             "node-a": nodes[-1], "node-b": nodes[0], "10.244.2.14": pod["status"]["podIP"]}  # fmt: skip
    return re.sub(rf"(?<![\w-])({'|'.join(map(re.escape, words))})(?![\w-])", lambda match: words[match[1]], line)


@pytest.mark.parametrize(("verb", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_an_example_works(world: dict[str, str], verb: str, line: str) -> None:
    environment = {**os.environ, **world}
    command = ["bash", "-o", "pipefail", "-c", _in_this_world(line, world)]
    if "--local" in line:
        node = min(NODES, key=lambda node: node.name)
        command = node.command(["env", f"PATH={world['PATH']}", *command])
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr


def test_every_verb_s_examples_use_it() -> None:
    """At least one of them; `show` may be left out."""
    for name in GROUP.commands:
        lines = [line.partition("|")[0].split() for verb, line in EXAMPLES if verb == name]
        assert name == "show" or any(name in words for words in lines), name
