"""Candidates in the form that kubectl wants, and what kubectl is asked for them. What it answers is tried on a real cluster."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from kubectl_netns.completion import answer, verbs
from kubectl_netns.completion.table import Verb
from kubectl_netns.completion.words import Grammar


class Asked:
    """Stands where kubectl is: notes the question."""

    def __init__(self, *found: str, bits: int = 4) -> None:
        self.found, self.bits, self.words = list(found), bits, ()

    def __call__(self, *words: str) -> tuple[list[str], int]:
        self.words = words  # type: ignore[assignment]
        return self.found, self.bits


def complete(words: str, asked: Asked | None = None) -> list[str]:
    """`words` as they are typed; the last is being completed."""
    return answer.answer(words.split(" "), asked or Asked()).splitlines()


LIMIT = "--request-timeout=1s"
QUESTIONS = [
    ("we", ("exec", LIMIT, "we")),
    ("web-1 ", ("exec", LIMIT, "")),
    ("pod/we", ("exec", LIMIT, "pod/we")),
    ("-n shop --context=c show we", ("exec", "--namespace=shop", "--context=c", LIMIT, "we")),
    ("show -nshop --as-group a --as-group b --insecure-skip-tls-verify -v -o json we",
     ("exec", "--namespace=shop", "--as-group=a", "--as-group=b", "--insecure-skip-tls-verify", LIMIT, "we")),
    ("--request-timeout=1h we", ("exec", "--request-timeout=1h", LIMIT, "we")),
    ("list --node no", ("get", "nodes", LIMIT, "no")),
    ("--kubeconfig f list --node=no", ("get", "nodes", "--kubeconfig=f", LIMIT, "no")),
    ("--agent-namespace d", ("get", "namespaces", LIMIT, "d")),
    ("--kubeconfig f -n ", ("get", "--kubeconfig=f", LIMIT, "--namespace", "")),
    ("web-1 --context ", ("get", LIMIT, "--context", "")),
    ("--user=a", ("get", LIMIT, "--user", "a")),
    ("list ", ("get", "nodes", LIMIT, "")),
    ("list --cluster a", ("get", LIMIT, "--cluster", "a")),
    ("-o ", ()), ("--show r", ()), ("--local we", ()), ("cleanup ", ()), ("--image p", ()), ("completion --to ", ()), ("-", ()), ("-l a", ()),
]  # fmt: skip


@pytest.mark.parametrize(("words", "question"), QUESTIONS, ids=[words for words, _ in QUESTIONS])
def test_what_kubectl_is_asked(words: str, question: tuple[str, ...]) -> None:
    asked = Asked()
    complete(words, asked)
    assert asked.words == question


def test_a_first_word_is_a_verb_or_a_pod() -> None:
    lines = complete("", Asked("web-1", "deployments/"))
    assert [line.partition("\t")[0] for line in lines] == [*(verb.name for verb in verbs.VERBS), "web-1", ":4"]
    assert complete("ver", Asked("verona"))[-2:] == ["verona", ":4"]


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("-o j", ["json", ":4"]),
        ("--output=j", ["json", ":4"]),
        ("-oj", ["-ojson", ":4"]),
        ("--show routes,so", ["routes,sockets", ":6"]),
        ("--show=routes,rou", [":6"]),
        ("web --dry", [":4"]),
        ("cleanup --dry", ["--dry-run\tOnly tell what would be deleted.", ":4"]),
        ("cleanup --dry-run --dry", [":4"]),
        ("list --node a --nod", ["--node\tNode to look at; may be repeated.", ":4"]),
        ("web --nod", [":4"]),
        ("completion --to ", [":16"]),
        ("version ", [":4"]),
        ("--nod", ["--node\tNode to look at; may be repeated.", ":4"]),
        ("-n shop --all", ["--all-namespaces\tWith -l: pods of every namespace.", ":4"]),
        ("--install", [":4"]),
        ("exec web-1 ", ["--\tThe command stands behind it.", ":4"]),
        ("exec web-1 -- ", [":4"]),
        ("help li", ["list\tList every network namespace of a node, and whose it is.", "link\tShow the namespaces of pods to `ip netns` on their nodes.", ":4"]),
    ],
)
def test_what_is_known_without_a_cluster(words: str, lines: list[str]) -> None:
    assert complete(words) == lines


def test_a_pod_is_offered_once_and_a_kind_without_a_space() -> None:
    assert complete("show web-1 ", Asked("web-1", "web-2", "deployments/")) == ["web-2", ":4"]
    assert complete("show dep", Asked("deployments/")) == ["deployments/", ":6"]
    assert complete("show dep", Asked("depot", "deployments/")) == ["depot", "deployments/", ":4"]


def test_agents_are_offered_to_who_asks_for_one() -> None:
    agent = "node-debugger-a-x1y2z"
    assert complete("show ", Asked("web-1", agent)) == ["web-1", ":4"]
    assert complete("show pod/", Asked("pod/web-1", f"pod/{agent}")) == ["pod/web-1", ":4"]
    assert complete("show node-debugger-", Asked(agent)) == [agent, ":4"]


def test_kubectl_says_how_its_own_options_are_completed() -> None:
    assert complete("--kubeconfig a", Asked(bits=0)) == [":0"]
    assert complete("--context a", Asked("ab", bits=4)) == ["ab", ":4"]


def test_other_verbs_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metavars that no verb has yet."""
    table = (Verb("put", "FILE", ""), Verb("undo", "POD|NAME...", ""), Verb("find", "WHAT", ""))
    monkeypatch.setattr(answer, "GRAMMAR", Grammar(table, (), "show"))
    assert complete("put a") == [":0"]
    assert complete("undo we", Asked("web")) == ["web", ":4"]
    assert complete("find 10.", Asked("10.1")) == [":4"]


def test_the_program_says_nothing_where_there_is_no_kubectl(tmp_path: object) -> None:
    for words in (["we"], ["--node", ""], ["--context", ""]):
        result = subprocess.run([sys.executable, "-m", "kubectl_netns", "__complete", *words], capture_output=True, text=True,
                                env={"PATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
        assert (result.returncode, result.stdout, result.stderr) == (0, ":4\n", "")


@pytest.mark.parametrize("program", ["exit 1", "echo web; echo :1", "exit 0", "echo nonsense", "echo ':x'"])
def test_a_kubectl_that_fails_has_said_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: object, program: str) -> None:
    _kubectl(monkeypatch, str(tmp_path), program)
    assert answer.ask("exec", "we") == ([], 4)


def test_hints_of_kubectls_are_no_candidates(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    _kubectl(monkeypatch, str(tmp_path), r"printf 'web\tdescription\n_activeHelp_ a hint\n:4\n'")
    assert answer.ask("exec", "we") == (["web"], 4)


def test_a_kubectl_that_does_not_end_is_ended_with_its_children(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """As a credential plug-in that waits for a browser: it keeps kubectl's pipe open."""
    _kubectl(monkeypatch, str(tmp_path), f"sleep 600 & echo $! >{tmp_path}/child; wait")
    monkeypatch.setattr(answer, "SECONDS", 0.3)
    begun = time.monotonic()
    assert answer.ask("exec", "we") == ([], 4)
    assert time.monotonic() - begun < 2
    with open(f"{tmp_path}/child") as file:
        state = subprocess.run(["ps", "-o", "stat=", "-p", file.read().strip()], capture_output=True, text=True).stdout
    assert state.strip()[:1] in ("", "Z")


def _kubectl(monkeypatch: pytest.MonkeyPatch, folder: str, program: str) -> None:
    path = f"{folder}/kubectl"
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\n{program}\n")
    subprocess.run(["chmod", "+x", path], check=True)
    monkeypatch.setenv("KUBECTL_PATH", path)


def test_neither_typer_nor_kubernetes_is_imported_for_a_tab() -> None:
    program = ("import sys; from kubectl_netns.completion import answer\n"
               "sys.argv = ['x', '--local', 'ver']; answer.main()\n"
               "print(sorted({'typer', 'kubernetes', 'yaml', 'urllib3', 'json', 'tabulate'} & set(sys.modules)), file=sys.stderr)")  # fmt: skip
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.returncode, result.stderr.strip()) == (0, "[]") and result.stdout.startswith("version\t")
