"""A node in a cluster, with an agent pod that is an actor and the real agent as its process: adopted or made, asked, kept."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_netns.client import bundle, nodes
from kubectl_netns.client.agent_pod import Spec
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kept import Kept
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.client.streams import Streams
from kubectl_netns.errors import NetnsError, NodeError, ProtocolError, RefusedError
from kubectl_netns.execution import Execution
from kubectl_netns.model import Pod
from kubectl_netns.questions import Answer, Question

HELLO = """
import json, os, sys
from kubectl_netns import wire
from kubectl_netns.questions import Answer
os.read(0, 1 << 20)
def write(data): sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
writer = wire.Writer(write)
writer.send(wire.Kind.HELLO, json.dumps({"version": wire.VERSION, "nonce": NONCE}).encode())
writer.send(wire.Kind.ANSWER, wire.encode(Answer("linux/amd64", ())))
"""
KNOCK, DOOR = nodes.KNOCK.read_text(), f"/dev/kubectl-netns-{bundle.fingerprint()}"
GOOD = HELLO + "writer.end()"


class Actor:
    """An AgentPod; `scripts` are what its exec runs, in turn, the last for ever."""

    def __init__(self, *scripts: str, kept: bool = False, starts: float = 0.0, fails: NetnsError | None = None) -> None:
        self.scripts, self.kept, self.starts, self.fails = list(scripts), kept, starts, fails
        self.nonce = secrets.token_hex(4)
        self.did: list[str] = []
        self.said: list[tuple[str, ...]] = []
        self.looks = self.looks_before = 0  # how often it is said that it does not run yet
        self.seconds = 10.0

    def left(self) -> float:
        return self.seconds

    def on(self, node: str) -> object:
        """In the place of Kept."""
        return {} if self.kept and node == "a" else None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        self.did.append("use")
        yield
        self.did.append("end")

    def exec_command(self, *words: str) -> list[str]:
        self.said.append(words)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        return [sys.executable, "-c", f"NONCE = {self.nonce!r}\n{script}"]

    def runs(self) -> bool:
        self.looks += 1
        return self.looks > self.looks_before

    def wait(self, progress: Any) -> None:
        time.sleep(self.starts)
        if self.fails:
            raise self.fails

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.did.append(name)


FACTS = {"metadata": {"name": "a"}, "status": {"nodeInfo": {"containerRuntimeVersion": "containerd://1.6"}}}


def ask(actor: Actor, timeout: float = 10.0, keep: float = 0.0) -> Answer:
    node = nodes.ClusterNode(cast(Cluster, None), Kubectl("k", Connection()), FACTS, Spec("image", "ns", timeout, keep), cast(Kept, actor))
    vars(node)["_pod"], actor.seconds = actor, timeout
    return node.ask(Question(), lambda text: None)


@pytest.fixture(autouse=True)
def small_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "build", lambda runtime: b"bundle" if runtime == "containerd" else pytest.fail(str(runtime)))


def test_a_new_agent_is_made_asked_and_perhaps_kept() -> None:
    actor = Actor(GOOD)
    assert ask(actor) == Answer("linux/amd64", ())
    assert actor.did == ["create", "keep"]


def test_what_it_does_is_said_in_words_of_its_own() -> None:
    said: list[str] = []
    node = nodes.ClusterNode(cast(Cluster, None), Kubectl("k", Connection()), FACTS, Spec("image", "ns", 10.0), cast(Kept, Actor()))
    vars(node)["_pod"] = Actor(GOOD)
    with pytest.raises(ProtocolError):  # an answer, where a command should start
        node.execute(Execution(Pod("", "web", None), ("true",), "auto", False, None), Streams(None, 1, 2, False, print, lambda: None), said.append)
    assert said == ["starting the command on a"]


def test_it_is_tried_before_the_api_server_knows_that_it_runs() -> None:
    begun = time.monotonic()
    ask(Actor("import sys; sys.exit('container not found')", GOOD, starts=5))
    assert time.monotonic() - begun < 4


def test_it_is_not_tried_before_its_kubelet_says_that_it_runs() -> None:
    actor = Actor(GOOD, starts=5)
    actor.looks_before = 4
    ask(actor)
    assert (actor.looks, len(actor.said)) == (5, 1)


def test_that_the_api_server_says_so_is_enough() -> None:
    """And its kubelet is asked ever more rarely till then."""
    actor = Actor(GOOD, starts=2)
    actor.looks_before = 20
    ask(actor)
    assert len(actor.said) == 1 and 5 < actor.looks < 20


def test_a_kept_one_spares_a_new_one_and_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "build", lambda _: pytest.fail("it has the agent already"))
    actor = Actor(GOOD, kept=True)
    ask(actor)
    assert actor.did == ["adopt", "keep"] and [words[-2:] for words in actor.said] == [(KNOCK, DOOR)]


@pytest.mark.parametrize(("keep", "role"), [(0.0, ()), (60.0, ("stay", DOOR, "n"))])
def test_only_one_that_is_to_be_kept_leaves_a_process_there(keep: float, role: tuple[str, ...]) -> None:
    actor = Actor(GOOD)
    actor.nonce = "n"
    ask(actor, keep=keep)
    assert [words[-len(role) - 1 :] for words in actor.said] == [("6", *role)]


def test_where_nobody_waits_in_a_kept_one_the_agent_is_sent_and_stays() -> None:
    actor = Actor("import sys; sys.exit('kubectl-netns: nobody is at the door')", GOOD, kept=True)
    actor.nonce = "n"
    ask(actor)
    assert actor.did == ["adopt", "keep"] and [words[-3:] for words in actor.said][1:] == [("stay", DOOR, "n")]


@pytest.mark.parametrize("first", ["import sys; sys.exit('no such container')", HELLO, "print('x' * 100000)"], ids=["silent", "cut", "foreign"])
def test_a_kept_one_that_makes_no_sense_is_replaced(first: str) -> None:
    actor = Actor(first, GOOD, kept=True)
    assert ask(actor) == Answer("linux/amd64", ())
    assert actor.did == ["adopt", "forget", "create", "keep"]


@pytest.mark.parametrize(("script", "kind", "said"), [
    (HELLO, ProtocolError, "cut short"),
    ("import sys; sys.exit('kubectl-netns: the image has Python 2.7')", NodeError, "the image has Python 2.7"),
    ("import sys; sys.exit('Error from server (Forbidden): no')", RefusedError, "does not let you run the agent"),
    ("import sys; sys.exit('unable to upgrade')", ProtocolError, "ended without an answer: unable to upgrade"),
    ("import time; time.sleep(60)", NodeError, "did not answer within 2 s"),
])  # fmt: skip
def test_a_new_one_that_does_not_answer_is_told(script: str, kind: type[NetnsError], said: str) -> None:
    with pytest.raises(kind, match=said):
        ask(Actor(script), timeout=2.0)


def test_why_it_does_not_start_is_told_and_not_that_it_does_not_answer() -> None:
    with pytest.raises(NodeError, match="no python3"):
        ask(Actor("import sys; sys.exit('container not found')", starts=0.5, fails=NodeError("the image has no python3")))


def test_the_agents_python_heeds_nothing_and_writes_nothing(tmp_path: Path) -> None:
    """Official images come without bytecode: without -B Python would write it into the container, on the node's disk."""
    command = nodes.boot(sys.executable, b"", "x")
    flags = command[1 : command.index("-c")]
    said = subprocess.run([sys.executable, *flags, "-c", "import sys; print(sys.flags.isolated, sys.flags.no_site, sys.flags.dont_write_bytecode)"],
                          capture_output=True, text=True, check=True, env={})  # fmt: skip
    assert said.stdout.split() == ["1", "1", "1"]
