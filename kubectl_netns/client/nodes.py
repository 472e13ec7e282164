"""A node to ask: one in a cluster, through an agent pod, or this machine itself. Both answer the same requests the same way."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from ..errors import NodeError, ProtocolError, RefusedError
from ..execution import Execution
from ..questions import Reply, Request
from . import bundle, conversation, relay
from .agent_pod import AgentPod, Progress, Spec
from .background import Background
from .cluster import Cluster, Object
from .kept import Kept
from .kubectl import Kubectl
from .streams import Streams

FIRST_LOOK, NEXT_LOOK, LONGER, LONGEST_PAUSE = 0.35, 0.04, 1.2, 1.0
LEAST = 1.0  # an agent that has just come up at the last moment may still answer
OWN_WORDS = "kubectl-netns: "
BOOT, KNOCK = (Path(__file__).with_name(name) for name in ("boot.py", "knock.py"))
LEASE_STALE = 60.0  # a kubelet renews its lease every 10 s, and is given up after 40
Result = TypeVar("Result")
Said = TypeVar("Said", covariant=True)
Meanwhile = Callable[[], AbstractContextManager[object]]


class Talk(Protocol[Said]):
    """One conversation with an agent: the command line that reaches it, its bundle, our nonce, how long it is to stay."""

    def __call__(self, command: list[str], bundle: bytes, nonce: str, /, *, timeout: float, keep: float = 0.0) -> Said: ...


class Node(Protocol):
    name: str

    def ask(self, request: Request[Reply], progress: Progress) -> Reply:
        """Raises NetnsError."""
        ...

    def execute(self, execution: Execution, streams: Streams, progress: Progress) -> int:
        """Run a command, and carry its input and output until it has ended: its exit status. Raises NetnsError."""
        ...

    def close(self) -> None:
        """End and remove whatever was started for this node. May be called from any thread, while `ask` runs, and again."""
        ...


class ClusterNode:
    """Implements Node through an agent pod."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, node: Object, spec: Spec, kept: Kept) -> None:
        self.name: str = node["metadata"]["name"]
        self._spec = spec
        self._kept = kept
        self._runtime: str = node["status"]["nodeInfo"]["containerRuntimeVersion"].partition("://")[0]
        self._pod = AgentPod(cluster, kubectl, self.name, spec, secrets.token_hex(16))

    def ask(self, request: Request[Reply], progress: Progress) -> Reply:
        doing = partial(progress, f"reading the namespaces of {self.name}")
        talk = partial(conversation.ask, heard=doing, request=request.at(self._runtime))
        return self._hold(talk, progress, nullcontext, again=(conversation.Silent, ProtocolError))

    def execute(self, execution: Execution, streams: Streams, progress: Progress) -> int:
        asked = execution._replace(runtime=self._runtime)
        doing = partial(progress, f"starting the command on {self.name}")
        talk = partial(relay.execute, heard=doing, execution=asked, streams=streams)
        return self._hold(talk, progress, self._pod.in_use, again=(conversation.Silent,))

    def _hold(self, talk: Talk[Result], progress: Progress, meanwhile: Meanwhile, again: tuple[type[Exception], ...]) -> Result:
        """`meanwhile` holds while an agent that was kept is talked with.

        `again`: after which of its failures a new one may be asked: not where a command may have run.
        """
        self._pod.left()  # the clock starts: adopting, creating and talking share the node's time
        result = self._adopted(talk, progress, meanwhile, again)
        if result is None:
            result = self._created(talk, progress)
        self._pod.keep()
        return result

    def _adopted(
        self, talk: Talk[Result], progress: Progress, meanwhile: Meanwhile, again: tuple[type[Exception], ...]
    ) -> Result | None:
        """From an agent that an earlier command has kept; None where there is none, or it says nothing."""
        pod = self._kept.on(self.name)
        if pod is None:
            return None
        self._pod.adopt(pod)
        progress(f"using the agent that was kept on {self.name}")
        try:
            with meanwhile():
                return self._awake(talk)
        except again:  # its time was up, or it is not what it seems
            self._pod.forget()
            return None

    def _awake(self, talk: Talk[Result]) -> Result:
        """From the process that waits there; where none of this code does, one is sent, and stays."""
        try:
            return self._talk(talk, python("python3", KNOCK, _door()), b"")
        except conversation.Silent as silent:
            if not silent.stderr.startswith(OWN_WORDS):
                raise
        return self._try(bundle.build(self._runtime), talk, stay=True)

    def _created(self, talk: Talk[Result], progress: Progress) -> Result:
        """From a new one. Its kubelet is asked whether it runs: that it tells the API server so a second later."""
        packing = Background(lambda: bundle.build(self._runtime))  # while kubectl makes the pod
        self._pod.create(progress)
        starting = Background(lambda: self._pod.wait(progress))
        packed = packing.result()
        starting.done(FIRST_LOOK)
        pause = NEXT_LOOK
        while True:
            sure = starting.done(0)
            if sure:
                starting.result()
            if sure or self._pod.runs():
                try:
                    result = self._try(packed, talk, stay=bool(self._spec.keep))
                    if self._spec.keep:
                        starting.done(self._pod.left())  # by then it is marked as ours, which `keep` builds on
                    return result
                except conversation.Silent as silent:
                    if sure or silent.timed_out or silent.stderr.startswith(OWN_WORDS) or "orbidden" in silent.stderr:
                        raise _silence(silent, self.name, self._spec.timeout) from silent
            starting.done(pause)  # often at first, rarely while an image is pulled
            pause = min(LONGER * pause, LONGEST_PAUSE)

    def _try(self, packed: bytes, talk: Talk[Result], stay: bool) -> Result:
        """`stay`: a process is to be left in the pod that waits for the next command."""
        return self._talk(talk, boot("python3", packed, *(["stay", _door(), self._pod.nonce] if stay else [])), packed)

    def _talk(self, talk: Talk[Result], words: list[str], packed: bytes) -> Result:
        left = max(LEAST, self._pod.left())
        return talk(self._pod.exec_command(*words), packed, self._pod.nonce, timeout=left, keep=self._spec.keep)

    def close(self) -> None:
        self._pod.close()


class LocalNode:
    """Implements Node for this machine: the same bundle, run by this Python in a process of its own."""

    name = "this machine"

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    def ask(self, request: Request[Reply], progress: Progress) -> Reply:
        return self._hold(partial(conversation.ask, heard=lambda: None, request=request))

    def execute(self, execution: Execution, streams: Streams, progress: Progress) -> int:
        return self._hold(partial(relay.execute, heard=lambda: None, execution=execution, streams=streams))

    def _hold(self, talk: Talk[Result]) -> Result:
        packed = bundle.build(None)
        command = boot(sys.executable, packed, "local")
        try:
            return talk(command, packed, secrets.token_hex(16), timeout=self._timeout)
        except conversation.Silent as silent:
            raise _silence(silent, self.name, self._timeout) from silent

    def close(self) -> None:
        """The child process ends with the conversation."""


def boot(interpreter: str, packed: bytes, *words: str) -> list[str]:
    return python(interpreter, BOOT, str(len(packed)), *words)


def python(interpreter: str, script: Path, *words: str) -> list[str]:
    # -I -S: what the image has installed is not wanted; -B: nothing is written, not even bytecode beside the image's modules;
    # -W: requests misses a character-set detector, which a socket never needs
    return [interpreter, "-I", "-S", "-B", "-W", "ignore", "-c", script.read_text(), *words]


def _door() -> str:
    return f"/dev/kubectl-netns-{bundle.fingerprint()}"


def _silence(silent: conversation.Silent, name: str, timeout: float) -> Exception:
    if silent.timed_out:
        return NodeError(f"the agent on {name} did not answer within {timeout:.0f} s", "give it longer with --timeout")
    if silent.stderr.startswith(OWN_WORDS):
        first = silent.stderr.removeprefix(OWN_WORDS).splitlines()[0]
        return NodeError(first, "name another image with --image or KUBECTL_NETNS_IMAGE")
    if "orbidden" in silent.stderr:
        return RefusedError(f"the cluster does not let you run the agent: {silent.stderr}", "ask for the role in the README")
    return ProtocolError(f"the agent on {name} ended without an answer: {silent.stderr or 'it said nothing'}")


def refuse_unusable(cluster: Cluster, node: Object) -> None:
    """Raises NodeError for a node that could not run the agent now, before anything is made on it."""
    name = node["metadata"]["name"]
    labels = node["metadata"].get("labels") or {}
    system = node["status"]["nodeInfo"].get("operatingSystem", "linux")
    if system != "linux" or labels.get("kubernetes.io/os", "linux") != "linux":
        raise NodeError(f"node {name} runs {system}: network namespaces are Linux's")
    if labels.get("type") == "virtual-kubelet" or labels.get("eks.amazonaws.com/compute-type") == "fargate":
        raise NodeError(f"node {name} is virtual: it cannot run the agent's privileged pod")
    for condition in node["status"].get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] != "True":
            why = condition.get("message") or condition.get("reason") or condition["status"]
            raise NodeError(f"node {name} is not ready: {why}", f"see `kubectl describe node {name}`")
    age = cluster.lease_age(name)
    if age is not None and age > LEASE_STALE:
        message = f"node {name} does not answer: its kubelet has not renewed its lease for {age:.0f} s"
        raise NodeError(message, f"see `kubectl describe node {name}`")
