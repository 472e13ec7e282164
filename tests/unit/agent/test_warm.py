"""The process that waits in a kept pod: real agents, from the real bundle, one after another and at once; and when it ends."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_netns import wire
from kubectl_netns.agent import warm
from kubectl_netns.client import bundle, nodes, waiter
from kubectl_netns.model import Pod
from kubectl_netns.questions import Question
from tests.soon import soon

from .cri_server import CriServer
from .test_docker_engine import Podman

IMPATIENT = "from kubectl_netns.agent import __main__ as agent, warm; warm.PATIENCE = 1; agent.run()"
WAITER = Path(waiter.__file__).read_text()


class Kept:
    """A pod that is kept, without the pod: its waiter, and the agents that are run beside it."""

    def __init__(self, folder: Path) -> None:
        self.door, self.nonce = folder / "door", secrets.token_hex(8)
        self.packed = bundle.build("containerd")
        self.waiter = subprocess.Popen([sys.executable, "-c", WAITER, self.nonce, "60", "60"])
        while not warm._waits(self.nonce):
            time.sleep(0.01)

    def first(self) -> None:
        """The agent is sent, asked, and leaves a process."""
        self.run(nodes.boot(sys.executable, self.packed, "stay", str(self.door), self.nonce), self.packed)

    def impatient(self) -> None:
        """The same, from the files here, with less patience."""
        self.run([sys.executable, "-c", IMPATIENT, "stay", str(self.door), self.nonce])

    def run(self, command: list[str], packed: bytes = b"") -> None:
        done = subprocess.run(command, input=packed + self.words(), capture_output=True, timeout=20)
        self.heard(done.stdout, done.stderr)

    def words(self) -> bytes:
        said: list[bytes] = []
        writer = wire.Writer(said.append)
        writer.send(wire.Kind.HELLO, json.dumps({"version": wire.VERSION, "nonce": self.nonce}).encode())
        writer.send(wire.Kind.QUESTION, wire.encode(Question((Pod("a", "none", None),))))
        writer.end()
        return b"".join(said)

    def heard(self, out: bytes, err: bytes) -> None:
        reader = wire.Reader(io.BytesIO(out).read)
        kind, payload = reader.receive()
        assert kind is wire.Kind.HELLO and json.loads(payload)["nonce"] == self.nonce, err
        assert reader.receive()[0] in (wire.Kind.ANSWER, wire.Kind.ERROR)  # what it says of a node that is none is not the point
        assert reader.receive()[0] is wire.Kind.END

    def knock(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-I", "-S", "-c", nodes.KNOCK.read_text(), str(self.door)]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self) -> None:
        process = self.knock()
        self.heard(*process.communicate(self.words(), timeout=20))
        assert process.returncode == 0

    def waiting(self) -> list[int]:
        """The processes of ours that have this door in their command, but for those that knock."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                command, state = Path(f"/proc/{pid}/cmdline").read_bytes(), Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if str(self.door).encode() in command and b"\0stay\0" in command and state != "Z":
                found.append(int(pid))
        return found


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    try:
        yield made
    finally:
        made.waiter.kill()
        made.waiter.wait()
        for pid in made.waiting():
            os.kill(pid, signal.SIGKILL)


def test_it_serves_whoever_comes_and_remembers_nothing(kept: Kept) -> None:
    kept.first()
    (waiting,) = kept.waiting()
    for _ in range(3):
        kept.ask()
    together = [kept.knock() for _ in range(4)]
    for one in together:
        kept.heard(*one.communicate(kept.words(), timeout=20))
    soon(lambda: kept.waiting() == [waiting], 15)
    assert {os.readlink(f"/proc/{waiting}/fd/{number}") for number in range(3)} == {"/dev/null"}
    assert not [one for one in os.listdir(f"/proc/{waiting}/fd") if os.readlink(f"/proc/{waiting}/fd/{one}").startswith("pipe:")]


IMPORTS = """
import json, sys
from kubectl_netns.agent import __main__, warm
from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes import sockets
from kubectl_netns.agent.runtimes.base import RuntimeUnavailable
warm.prepare()
before = set(sys.modules)
for runtime in sockets.find(Place(root=sys.argv[1]), sys.argv[2]):
    try:
        print(len(runtime.holders(None)))
    except RuntimeUnavailable as error:
        print(error)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("runtime", ["docker", "containerd"])
def test_all_that_an_answer_takes_is_imported_beforehand(tmp_path: Path, runtime: str) -> None:
    """Asked of a Docker and of a CRI runtime that know no container."""
    path = tmp_path / ("run/docker.sock" if runtime == "docker" else "run/containerd/containerd.sock")
    path.parent.mkdir(parents=True)
    empty = {f"/runtime.v1.RuntimeService/{name}": (0, b"") for name in ("Version", "ListPodSandbox", "ListContainers", "Status")}
    server: Any = socketserver.UnixStreamServer(str(path), Podman) if runtime == "docker" else CriServer(path, empty)
    with server:
        if runtime == "docker":
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        done = subprocess.run([sys.executable, "-c", IMPORTS, str(tmp_path), runtime], capture_output=True, text=True, timeout=20)
        if runtime == "docker":
            server.shutdown()
    assert done.stdout.splitlines() == ["0", "[]"], done.stderr


def told(pid: int) -> dict[str, str]:
    """/proc/PID/status."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def test_the_agent_that_is_forked_is_as_if_it_had_been_started(kept: Kept) -> None:
    """A session of its own, the signals and the mask of the first, its own three descriptors of the one who knocked, and no zombie after it."""
    kept.first()
    (waiting,) = kept.waiting()
    process = kept.knock()
    soon(lambda: len(kept.waiting()) == 2, 15)
    (agent,) = set(kept.waiting()) - {waiting}
    soon(lambda: os.getsid(agent) == agent, 15)
    assert os.getsid(waiting) == waiting
    ignored, mask = int(told(agent)["SigIgn"], 16), int(told(agent)["Umask"], 8)
    os.umask(ours := os.umask(0))
    assert not ignored & 1 << signal.SIGCHLD - 1 and mask == ours
    soon(lambda: os.readlink(f"/proc/{agent}/fd/0") == os.readlink(f"/proc/{process.pid}/fd/0"), 15)
    pipes = [one for one in os.listdir(f"/proc/{agent}/fd") if os.readlink(f"/proc/{agent}/fd/{one}").startswith("pipe:")]
    assert len(pipes) == 4 and process.poll() is None  # stdin, stderr, stderr in place of stdout, and where stdout has gone: for frames
    kept.heard(*process.communicate(kept.words(), timeout=20))
    soon(lambda: Path(f"/proc/{waiting}/task/{waiting}/children").read_text() == "", 15)


def test_an_agent_that_is_asked_nothing_ends(kept: Kept) -> None:
    kept.impatient()
    (waiting,) = kept.waiting()
    process = kept.knock()
    soon(lambda: len(kept.waiting()) == 2, 15)
    assert process.wait(10) == 0 and kept.waiting() == [waiting]


def test_only_root_may_come_in(kept: Kept) -> None:
    kept.first()
    assert kept.door.is_socket() and kept.door.stat().st_mode & 0o077 == 0


def test_it_ends_with_the_waiter(kept: Kept) -> None:
    kept.first()
    kept.waiter.terminate()
    kept.waiter.wait()
    soon(lambda: not kept.waiting(), warm.LOOK + 5)
    process = kept.knock()
    assert process.communicate(kept.words(), timeout=20)[1] == b"kubectl-netns: nobody is at the door\n" and process.returncode == 1


def test_who_hands_over_nothing_or_says_nothing_keeps_nobody_waiting(kept: Kept) -> None:
    kept.first()
    with socket.socket(socket.AF_UNIX) as idle, socket.socket(socket.AF_UNIX) as empty:
        idle.connect(str(kept.door))
        empty.connect(str(kept.door))
        empty.sendall(b"+")
        begun = time.monotonic()
        kept.ask()
        assert time.monotonic() - begun < warm.HANDING_OVER + 3


def test_an_agent_whose_client_has_gone_ends_and_the_one_who_knocked_too(kept: Kept) -> None:
    kept.first()
    (waiting,) = kept.waiting()
    process = kept.knock()
    soon(lambda: len(kept.waiting()) == 2, 15)
    assert process.stdin
    process.stdin.close()
    assert process.wait(10) == 0
    soon(lambda: kept.waiting() == [waiting], 15)


def test_a_door_that_nobody_opens_is_replaced_and_one_that_is_attended_is_not(kept: Kept) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(kept.door))
    kept.first()
    first = kept.waiting()
    assert len(first) == 1
    kept.ask()
    kept.first()
    soon(lambda: kept.waiting() == first, 15)


def test_without_a_place_for_the_door_the_first_is_served_all_the_same(kept: Kept) -> None:
    kept.door = kept.door.parent / "missing" / "door"
    kept.first()
    assert kept.waiting() == []


def test_one_that_is_stopped_is_given_up(kept: Kept) -> None:
    kept.first()
    (waiting,) = kept.waiting()
    os.kill(waiting, signal.SIGSTOP)
    try:
        script = nodes.KNOCK.read_text().replace("PATIENCE = 10", "PATIENCE = 0.5")
        # its pipes too end with it: they were not handed over
        done = subprocess.run([sys.executable, "-c", script, str(kept.door)], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        assert (done.returncode, done.stderr) == (1, b"kubectl-netns: nobody is at the door\n")
    finally:
        os.kill(waiting, signal.SIGCONT)
