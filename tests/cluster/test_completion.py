"""The Tab key in real shells, through the real kubectl's own completion, on a real cluster; and on one that never answers."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import pods
from tests.cluster.plugin import installed
from tests.cluster.terminal import Terminal
from tests.conftest import unavailable

NAMESPACE = "netns-tab"
IN = ["-n", NAMESPACE]
PODS = ["queue", "web-1", "web-2"]
SECONDS = 0.25


@pytest.fixture(scope="module", autouse=True)
def some_pods(environment: dict[str, str]) -> Iterator[None]:
    """On no node: they need only be listed."""
    pods.kubectl(environment, "create", "namespace", NAMESPACE, check=False)
    manifests = [pods.manifest(name, None, "netns.test/none:1", nodeSelector={"netns": "nowhere"}) for name in PODS]
    for one in manifests:
        one["metadata"]["namespace"] = NAMESPACE
    try:
        pods.kubectl(environment, "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
        yield
    finally:
        pods.kubectl(environment, "delete", "pods", *IN, "--all", "--grace-period=0", "--force")


@dataclass(frozen=True)
class Completion:
    environment: dict[str, str]

    def run(self, *words: str, begin: tuple[str, ...] = ("kubectl", "__complete", "netns")) -> tuple[list[str], str]:
        """Candidates without their descriptions, and the directive, as a shell's script gets them from kubectl."""
        result = subprocess.run([*begin, *words], capture_output=True, text=True, env={**os.environ, **self.environment}, timeout=30)
        assert result.returncode == 0
        assert [line for line in result.stderr.splitlines() if not line.startswith(("[Debug]", "Completion ended"))] == []
        *lines, last = result.stdout.splitlines()
        return [line.partition("\t")[0] for line in lines], last


@pytest.fixture(scope="module")
def plugin(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """kubectl_complete-netns is where `completion --install` puts it."""
    folder = tmp_path_factory.mktemp("with a space")
    found = installed(folder, environment)
    subprocess.run(["kubectl", "netns", "completion", "--install"], check=True, env={**os.environ, **found}, stdout=subprocess.DEVNULL)
    assert (folder / "kubectl_complete-netns").exists()
    return found


@pytest.fixture(scope="module")
def tab(plugin: dict[str, str]) -> Completion:
    return Completion(plugin)


def names(environment: dict[str, str], *words: str) -> list[str]:
    return [one["metadata"]["name"] for one in pods.get(environment, *words)["items"]]


def test_pods_are_kubectls(tab: Completion, environment: dict[str, str]) -> None:
    every = names(environment, "pods", *IN)
    verbs = ["show", "list", "cleanup", "completion", "version"]
    assert set(tab.run(*IN, "")[0]) >= {*every, *verbs}
    assert tab.run(*IN, "we") == ([name for name in every if name.startswith("we")], ":4")
    assert tab.run("we", *IN, "show", "")[0] == tab.run("show", *IN, "")[0] == every
    assert tab.run("show", *IN, every[0], "")[0] == every[1:]
    assert tab.run("show", *IN, "pod/we")[0] == [f"pod/{name}" for name in every if name.startswith("we")]
    assert tab.run("show", *IN, "dep") == (["deployments/"], ":6")


def test_nodes_and_namespaces_are_kubectls(tab: Completion, environment: dict[str, str]) -> None:
    nodes = names(environment, "nodes")
    assert tab.run("--node", "")[0] == tab.run("list", "--node", "")[0] == tab.run("list", "--node=")[0] == nodes
    assert NAMESPACE in tab.run("-n", "")[0]
    assert tab.run("web", f"--namespace={NAMESPACE[:-1]}") == ([NAMESPACE], ":4")
    assert tab.run(f"-n{NAMESPACE[:-1]}") == ([f"-n{NAMESPACE}"], ":4")
    assert tab.run("--agent-namespace", NAMESPACE[:-1])[0] == [NAMESPACE]


def test_a_deployment_s_name(tab: Completion, environment: dict[str, str]) -> None:
    pods.kubectl(environment, "create", "deployment", "tab", *IN, "--image=netns.test/none:1", "--replicas=0")
    try:
        assert tab.run(*IN, "deployment/t") == (["deployment/tab"], ":4")
    finally:
        pods.kubectl(environment, "delete", "deployment", "tab", *IN)


def test_the_kubeconfig_that_is_named_is_read(tab: Completion, environment: dict[str, str], tmp_path: Path) -> None:
    """A context with the pods' namespace and another name; no -n is needed then, and KUBECONFIG leads nowhere."""
    file = tmp_path / "of my own"
    file.write_text(pods.kubectl(environment, "config", "view", "--flatten", "--minify"))
    there = {**environment, "KUBECONFIG": str(file)}
    cluster, user = (pods.kubectl(there, "config", "view", "-o", f"jsonpath={{.{kind}s[0].name}}") for kind in ("cluster", "user"))
    pods.kubectl(there, "config", "set-context", "tab:of/mine", f"--namespace={NAMESPACE}", f"--cluster={cluster}", f"--user={user}")
    lost = Completion({**tab.environment, "KUBECONFIG": "/nowhere"})
    assert lost.run("--kubeconfig", str(file), "--context", "tab")[0] == ["tab:of/mine"]
    assert lost.run("--kubeconfig", str(file), "--cluster", "")[0] == [cluster]
    assert lost.run("--kubeconfig", str(file), "--user=")[0] == [user]
    every = names(environment, "pods", *IN)
    assert lost.run(f"--kubeconfig={file}", "show", "--context", "tab:of/mine", "")[0] == every
    assert lost.run("--context=tab:of/mine", "show", every[0], "--kubeconfig", str(file), "")[0] == every[1:]
    assert lost.run("show", "")[0] == []


def test_what_needs_no_cluster(tab: Completion) -> None:
    assert tab.run("ver") == (["version"], ":4")
    assert tab.run("web", "-o", "")[0] == ["table", "wide", "json", "yaml", "ip", "name"]
    assert tab.run("--output=y")[0] == ["yaml"]
    assert tab.run("--show", "routes,s") == (["routes,sockets", "routes,statistics"], ":6")
    assert tab.run("list", "--all")[0] == ["--all-nodes"]
    assert tab.run("--nod")[0] == ["--node"] and tab.run("--to")[0] == ["--token"]
    assert tab.run("exec", "web-1", "") == (["--"], ":4")
    assert tab.run("--kubeconfig", "") == ([], ":0")
    assert tab.run("--local", "show", "") == ([], ":4")


def test_it_is_quick(tab: Completion) -> None:
    """Process time, ours and kubectl's that we ask, the best of five: what else runs on the machine does not count."""
    spent = []
    for words in ([*IN, "we"], ["list", "--node", ""], ["ver"]):
        for _ in range(5):
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            found, _ = tab.run(*words, begin=("kubectl_complete-netns",))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert found
            spent.append((words, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - begun))
    for words in {tuple(words) for words, _, _ in spent}:
        best = min(used for asked, used, _ in spent if tuple(asked) == words)
        took = min(wall for asked, _, wall in spent if tuple(asked) == words)
        print(f"{' '.join(words) or 'nothing'}: {best:.3f} s of process time, {took:.3f} s on the clock")
        assert best <= SECONDS, words


@pytest.fixture
def hole() -> Iterator[str]:
    """An API server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"--server=https://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("words", [["show", "we"], ["list", "--node", ""], ["-n", ""], ["show", "deployment/"]], ids=" ".join)
def test_a_cluster_that_does_not_answer_is_not_waited_for(tab: Completion, hole: str, words: list[str]) -> None:
    begun = time.monotonic()
    assert tab.run(hole, *words, begin=("kubectl_complete-netns",)) == ([], ":4")
    assert 0.5 < time.monotonic() - begun < 1.5


def test_what_is_known_without_it_is_offered_nevertheless(tab: Completion, hole: str) -> None:
    assert tab.run(hole, "ver") == (["version"], ":4")


@pytest.mark.parametrize("server", ["https://127.0.0.1:1", "nonsense://x"])
def test_a_cluster_that_cannot_be_reached(tab: Completion, server: str) -> None:
    assert tab.run(f"--server={server}", "show", "we") == ([], ":4")


def needs(program: str, file: str = "") -> None:
    if not shutil.which(program) or (file and not Path(file).exists()):
        unavailable(f"{program}, with {file or 'nothing else'}, is not installed")


BASH = "/usr/share/bash-completion/bash_completion"
LOAD = {
    "bash": f"bind 'set bell-style none'; . {BASH}; . <(kubectl completion bash)",
    "zsh": "autoload -U compinit; compinit -u -D; unsetopt beep; . <(kubectl completion zsh)",
}
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_tab_key(plugin: dict[str, str], environment: dict[str, str], shell: str) -> None:
    needs(shell, BASH if shell == "bash" else "")
    node = names(environment, "nodes")[0]
    with Terminal(START[shell], plugin) as terminal:
        terminal.type(f" PS1='% '; {LOAD[shell]}; echo lo''aded\n")
        terminal.until("loaded\n")
        for typed, whole in [
            ("kubectl netns vers\t", "kubectl netns version"),
            (f"kubectl netns -n {NAMESPACE} show q\t", f"kubectl netns -n {NAMESPACE} show queue"),
            (f"kubectl netns -n {NAMESPACE} pod/q\t", f"kubectl netns -n {NAMESPACE} pod/queue"),
            (f"kubectl netns -n {NAMESPACE} w\t2", f"kubectl netns -n {NAMESPACE} web-2"),  # as far as it is certain
            (f"kubectl netns --namespace={NAMESPACE[:-1]}\t", f"kubectl netns --namespace={NAMESPACE}"),
            (f"kubectl netns --node {node[:-1]}\t", f"kubectl netns --node {node}"),
            ("kubectl netns web -o js\t", "kubectl netns web -o json"),
            ("kubectl netns web --show routes,so\t", "kubectl netns web --show routes,sockets"),
            ("kubectl netns web --show=routes,so\t", "kubectl netns web --show=routes,sockets"),
            ("kubectl netns list --all-n\t", "kubectl netns list --all-nodes"),
            ("kubectl netns cleanup --dr\t-A", "kubectl netns cleanup --dry-run -A"),
        ]:
            terminal.type(typed + "\x01echo '<'\x05'>'\n")  # to the line's begin, to its end
            assert " ".join(terminal.until(r"\n<(.*?)>\n").group(1).split()) == whole


def test_what_fish_offers(plugin: dict[str, str], environment: dict[str, str]) -> None:
    """fish tells what Tab would give; with the descriptions behind a tab."""
    needs("fish")

    def offered(line: str) -> list[str]:
        program = f"kubectl completion fish | source; complete -C '{line}'"
        result = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True, env={**os.environ, **plugin})
        return result.stdout.splitlines()

    every = names(environment, "pods", *IN)
    assert [line.partition("\t")[0] for line in offered(f"kubectl netns -n {NAMESPACE} we")] == [one for one in every if one.startswith("we")]
    assert offered("kubectl netns vers") == ["version\tPrint this plug-in's version. No cluster is asked."]
    assert offered("kubectl netns web --output=js") == ["--output=json"]
    assert {line.partition("\t")[0] for line in offered("kubectl netns list --node ")} == set(names(environment, "nodes"))
