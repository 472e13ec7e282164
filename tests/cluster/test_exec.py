"""`kubectl netns exec` on the real cluster, on every runtime, against `kubectl exec`, the nodes themselves, and a real terminal."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kubectl_netns.errors import ExitStatus
from tests.cluster import pods
from tests.cluster.kube import cluster as kube
from tests.cluster.kube.places import IMAGES
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import CURRENT, Outcome, netns
from tests.soon import soon

PROGRAM = (sys.executable, "-m", "kubectl_netns", "exec", "-n", NAMESPACE)
# answers every question for an A record with 127.0.0.1, and listens on a port that no other namespace here uses
SERVER = """
import socket, threading
listener = socket.create_server(("", 4711))
def serve():
    while True:
        peer, _ = listener.accept()
        peer.recv(4096)
        peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nfrom inside\\n")
        peer.close()
threading.Thread(target=serve, daemon=True).start()
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
while True:
    question, peer = names.recvfrom(512)
    end = 12
    while question[end]:
        end += question[end] + 1
    kind = question[end + 1:end + 3]
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x7f\\0\\0\\1" if kind == b"\\0\\1" else b""
    names.sendto(question[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([bool(answer)]) + b"\\0\\0\\0\\0" + question[12:end + 5] + answer, peer)
"""


@pytest.fixture(scope="module")
def made(workloads: Workloads) -> Iterator[dict[str, str]]:
    """On every node a pod with a resolver and a server of its own."""
    names = {}
    for node in workloads.names:
        names[node] = workloads.create(
            f"exec-{node}", node, container={"command": ["python3", "-c", SERVER]}, dnsPolicy="None",
            dnsConfig={"nameservers": ["127.0.0.1"], "searches": ["inside.example"], "options": [{"name": "attempts", "value": "1"}]},
            hostAliases=[{"ip": "192.0.2.7", "hostnames": ["friend"]}],
        )  # fmt: skip
    for name in names.values():
        workloads.wait(name)
    yield names
    workloads.delete(*names.values())


@pytest.fixture(params=[0, 1], ids=["node-1", "node-2"])
def node(request: pytest.FixtureRequest, workloads: Workloads) -> str:
    if request.param >= len(workloads.names):
        pytest.skip("the cluster has one node")
    return list(workloads.names)[request.param]


@pytest.fixture
def pod(node: str, made: dict[str, str]) -> str:
    return made[node]


@pytest.fixture
def inside(environment: dict[str, str], pod: str) -> Callable[..., Outcome]:
    return lambda *words, **options: netns("exec", "-n", NAMESPACE, *options.get("options", ()), pod, "--", *words, environment=environment)


def in_the_pod(environment: dict[str, str], pod: str, program: str) -> str:
    """The oracle: what the pod's own container says."""
    return pods.kubectl(environment, "exec", "-n", NAMESPACE, pod, "--", "python3", "-c", program)


def start(environment: dict[str, str], *words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*PROGRAM, *words], env={**os.environ, **environment}, **options)


def alive(marker: str) -> list[int]:
    """Processes on this machine, and so on its nodes, that have this among their arguments; kubectl and we do not count."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if marker in words and words[0] == "sleep":
            found.append(int(path.parent.name))
    return found


def test_it_is_the_pods_network(environment: dict[str, str], pod: str, inside: Callable[..., Outcome]) -> None:
    ips = {one["ip"] for one in pods.get(environment, "pod", "-n", NAMESPACE, pod)["status"]["podIPs"]}
    addresses = inside("ip", "-j", "addr").json
    assert ips <= {address["local"] for link in addresses for address in link["addr_info"]}
    assert ":4711" in inside("ss", "-ltnH").out
    seen = in_the_pod(environment, pod, "import os; print(os.readlink('/proc/self/ns/net'), *sorted(os.listdir('/sys/class/net')))")
    assert inside("sh", "-c", "echo $(readlink /proc/self/ns/net) $(ls /sys/class/net)").out.split() == seen.split()


def test_it_resolves_as_the_pod_does(environment: dict[str, str], pod: str, inside: Callable[..., Outcome]) -> None:
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        assert inside("cat", path).out == in_the_pod(environment, pod, f"print(open({path!r}).read(), end='')")
    assert inside("getent", "ahostsv4", "anything.example").out.split()[0] == "127.0.0.1"
    assert inside("getent", "hosts", "friend").out.split()[0] == "192.0.2.7"
    assert inside("curl", "-s", "http://some-name:4711/").out == "from inside\n"


def test_nothing_of_it_reaches_the_node(testbed: kube.Cluster, environment: dict[str, str], node: str, pod: str) -> None:
    machine = next(one for one in kube.NODES if one.name == node)

    def state() -> list[str]:
        mounts = machine.run(["cat", "/proc/1/mountinfo"]).stdout.splitlines()
        files = machine.run(["sh", "-c", "cat /etc/resolv.conf /etc/hosts /etc/nsswitch.conf; ls /sys/class/net | grep -v veth"]).stdout
        return [*(line for line in mounts if line.split()[4].startswith(("/sys", "/etc", "/var/run/nscd"))), files]

    before = state()
    process = start(environment, pod, "--", "sh", "-c", "echo; exec sleep 20", stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.read(1)
    during = state()
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert before == during == state()


def test_status_streams_and_data(environment: dict[str, str], pod: str, inside: Callable[..., Outcome]) -> None:
    assert inside("true") == Outcome(0, "", "")
    assert inside("sh", "-c", "echo out; echo err >&2; exit 42") == Outcome(42, "out\n", "err\n")
    assert inside("sh", "-c", "exit 1").status == 1
    assert inside("sh", "-c", "kill -9 $$").status == 137
    data = random.Random(2).randbytes(10_000_000)
    for command in (["cat"], ["sha256sum"]):
        result = subprocess.run([*PROGRAM, "-i", pod, "--", *command], env={**os.environ, **environment}, input=data,
                                capture_output=True, timeout=120)  # fmt: skip
        digest = hashlib.sha256(data).hexdigest()
        assert (result.returncode, result.stderr) == (0, b"")
        assert digest in (hashlib.sha256(result.stdout).hexdigest(), result.stdout.split()[0].decode(errors="replace"))


def test_a_command_that_is_missing(inside: Callable[..., Outcome], node: str) -> None:
    both = inside("no-such-command")
    assert both.status == ExitStatus.NO_COMMAND and node in both.err
    assert "the node's tools (/usr/local/sbin:" in both.err and "the agent's image (/usr/local/sbin:" in both.err
    for kind, other in ("node", "image"), ("image", "node's"):
        one = inside("no-such-command", options=("--tools", kind))
        assert one.status == ExitStatus.NO_COMMAND and f"the {other}" not in one.err.partition("\n")[0]
    assert inside("/etc/passwd").status == ExitStatus.NOT_EXECUTABLE


def test_whose_tools(testbed: kube.Cluster, inside: Callable[..., Outcome], node: str) -> None:
    """The root is the node's or the image's; `curl` is not in the image, and what is only in the image is found there."""
    machine = next(one for one in kube.NODES if one.name == node)
    root = machine.run(["stat", "-Lc", "%d:%i", "/"]).stdout
    assert inside("stat", "-Lc", "%d:%i", "/").out == root
    assert inside("stat", "-Lc", "%d:%i", "/", options=("--tools", "image")).out not in (root, "")
    assert inside("curl", "--version", options=("--tools", "image")).status == ExitStatus.NO_COMMAND
    assert inside("curl", "--version").status == 0
    for kind, service in ("node", b""), ("image", b"443"):
        assert inside("sh", "-c", "printf %s $KUBERNETES_SERVICE_PORT", options=("--tools", kind)).out.encode() == service


def test_a_pod_without_any_program_but_its_own(testbed: kube.Cluster, workloads: Workloads, environment: dict[str, str], node: str) -> None:
    name = workloads.create(f"bare-{node}", node, container={"image": IMAGES["pause"], "command": None})
    pod = workloads.wait(name)
    shell = ["kubectl", "exec", "-n", NAMESPACE, name, "--", "sh"]
    assert subprocess.run(shell, env={**os.environ, **environment}, capture_output=True).returncode != 0
    answer = netns("exec", "-n", NAMESPACE, name, "--", "sh", "-c", "ip -4 addr show eth0; cat /etc/hosts", environment=environment)
    assert answer.status == 0 and f"inet {pod['status']['podIP']}/" in answer.out and f"{pod['status']['podIP']}\t{name}" in answer.out
    workloads.delete(name)


def test_a_pod_on_the_hosts_network(testbed: kube.Cluster, workloads: Workloads, environment: dict[str, str], node: str) -> None:
    name = workloads.create(f"host-{node}", node, hostNetwork=True)
    workloads.wait(name)
    machine = next(one for one in kube.NODES if one.name == node)
    answer = netns("exec", "-n", NAMESPACE, name, "--", "readlink", "/proc/self/ns/net", environment=environment)
    assert (answer.status, answer.out) == (0, machine.run(["readlink", "/proc/1/ns/net"]).stdout)
    workloads.delete(name)


def test_on_the_node_itself(testbed: kube.Cluster, environment: dict[str, str], node: str, pod: str) -> None:
    """--local: no cluster, the pod as the node's runtime knows it, and the files and working folder of whoever types it."""
    machine = next(one for one in kube.NODES if one.name == node)
    prefix = tuple(machine.command([]))
    answer = netns("--local", "-n", NAMESPACE, "exec", pod, "--", "sh", "-c", "readlink /proc/self/ns/net; cat /etc/resolv.conf; exit 5", prefix=prefix)
    seen = in_the_pod(environment, pod, "import os; print(os.readlink('/proc/self/ns/net')); print(open('/etc/resolv.conf').read(), end='')")
    assert (answer.status, answer.out, answer.err) == (5, seen, "")
    assert netns("--local", "exec", "no-such-pod", "--", "true", prefix=prefix).status == ExitStatus.NOT_FOUND


@pytest.mark.parametrize(("words", "said"), [
    (["web"], "which command?"),
    (["web", "ls"], "behind --"),
    (["web", "--"], "which command?"),
    (["--", "ls"], "name a pod"),
    (["a", "b", "--", "ls"], "one pod at a time"),
    (["--tools", "none", "web", "--", "ls"], "none"),
    (["--local", "--tools", "image", "web", "--", "ls"], "there is no image"),
])  # fmt: skip
def test_usage(words: list[str], said: str) -> None:
    answer = netns("exec", *words)
    assert answer.status == ExitStatus.USAGE and answer.err.startswith("error: ") and said in answer.err


def test_our_own_errors_keep_their_status(environment: dict[str, str]) -> None:
    assert netns("exec", "-n", NAMESPACE, "no-such-pod", "--", "true", environment=environment).status == ExitStatus.NOT_FOUND
    assert netns("exec", "-n", NAMESPACE, "-t", "no-such-pod", "--", "true", environment=environment).err.startswith("Unable to use a TTY")


class Screen:
    """The program in a terminal, as a person has it."""

    def __init__(self, environment: dict[str, str], *words: str, rows: int = 31, columns: int = 97) -> None:
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.execve(PROGRAM[0], [*PROGRAM, *words], {**os.environ, **environment, "TERM": "vt100"})
        self.text = ""
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def until(self, text: str) -> str:
        """Everything that has been shown since the last call, once this is among it."""
        soon(lambda: text in self._read(), 30)
        shown, _, self.text = self.text.partition(text)
        return shown + text

    def _read(self) -> str:
        import select

        while select.select([self.terminal], [], [], 0.05)[0]:
            try:
                data = os.read(self.terminal, 1 << 16)
            except OSError:
                break
            self.text += data.decode(errors="replace")
        return self.text

    def end(self) -> int:
        soon(lambda: self._read() is not None and self._waited(), 30)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(self._status)

    def _waited(self) -> bool:
        pid, self._status = os.waitpid(self.pid, os.WNOHANG)
        return pid != 0


def test_a_real_terminal(environment: dict[str, str], pod: str) -> None:
    screen = Screen(environment, "-it", pod, "--", "sh")
    screen.until("# ")
    assert not termios.tcgetattr(screen.terminal)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)  # raw: keys are the command's
    screen.type("test -t 0 -a -t 1 -a -t 2 && test $(tty) = $(readlink /proc/self/fd/0) && stty size && echo $TERM-$((1 + 1))\n")
    assert "31 97\r\n" in screen.until("vt100-2")
    screen.resize(44, 123)
    os.kill(screen.pid, signal.SIGWINCH)
    soon(lambda: (time.sleep(0.3), screen.type("stty size\n"), screen.until("# "), screen.until("# "))[3].find("44 123") >= 0, 30)
    marker = f"{random.randrange(100_000, 1_000_000)}"
    screen.type(f"sleep {marker}\n")
    soon(lambda: CURRENT or alive(marker), 30)
    time.sleep(1 if CURRENT else 0)
    screen.type("\x03echo after-$?\n")
    screen.until("after-130")
    assert not alive(marker)
    screen.type("exit 42\n")
    assert screen.end() == 42


def test_the_terminal_is_put_back(environment: dict[str, str], pod: str) -> None:
    """Also when the command is killed; progress has not overwritten its last line."""
    for ending, status in ("printf last-words; exit 3", 3), ("kill -9 $$", 137):
        ours, theirs = pty.openpty()
        before = termios.tcgetattr(theirs)
        process = start(environment, "-it", pod, "--", "sh", "-c", ending, stdin=theirs, stdout=theirs, stderr=theirs)
        assert process.wait(60) == status
        assert termios.tcgetattr(theirs) == before
        shown = os.read(ours, 1 << 16).decode()
        assert status != 3 or shown.endswith("last-words")
        os.close(ours)
        os.close(theirs)


def test_a_terminal_without_input(environment: dict[str, str], pod: str) -> None:
    screen = Screen(environment, "-t", pod, "--", "sh", "-c", "tty; exec sleep 600")
    screen.until("/dev/pts/")
    assert termios.tcgetattr(screen.terminal)[3] & termios.ISIG  # Ctrl-C is ours to hand on
    time.sleep(0.5)
    screen.type("\x03")
    assert screen.end() == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_reach_the_command(environment: dict[str, str], pod: str, number: signal.Signals) -> None:
    trap = f"trap 'echo got; exit 77' {number.name[3:]}; echo ready; while :; do sleep 0.1; done"
    process = start(environment, pod, "--", "sh", "-c", trap, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"got\n" and process.wait(30) == 77


TREE = "(setsid nohup sleep {0} >/dev/null 2>&1 &); trap '' HUP; sleep {0} & echo ready; sleep {0}"


def agents(environment: dict[str, str]) -> dict[str, str]:
    """Agent pods by name, with their phase."""
    listed = pods.get(environment, "pods")["items"]
    return {one["metadata"]["name"]: one["status"]["phase"] for one in listed if one["spec"]["containers"][0]["name"] == "netns-agent"}


def cut_off(environment: dict[str, str], pod: str, cut: str) -> None:
    """Start a command with children, cut its client off, and see that all of them end."""
    marker = f"{random.randrange(100_000, 1_000_000)}"
    process = start(environment, "-i", pod, "--", "sh", "-c", TREE.format(marker), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    soon(lambda: len(alive(marker)) == 3, 30)
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [process.pid, *(map(int, listed) if cut != "client" else [])]:
        os.kill(pid, signal.SIGSTOP if cut == "silence" else signal.SIGKILL)
    begun = time.monotonic()
    soon(lambda: not alive(marker), 60, every=0.5)
    assert cut != "silence" or time.monotonic() - begun > 15
    for pid in [process.pid, *map(int, listed)] if cut == "silence" else []:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(CURRENT, reason="the node's processes are looked at from outside")
def test_a_killed_client_leaves_no_process(testbed: kube.Cluster, environment: dict[str, str], made: dict[str, str]) -> None:
    """On every node at the same time, as each takes half a minute.

    With `silence` client and kubectl are only stopped: the connection stays, as when a network is cut, and nothing comes through it.
    """
    before = agents(environment)
    ways = list(itertools.product(made.values(), ("client", "client-and-kubectl", "silence")))
    with ThreadPoolExecutor(len(ways)) as pool:
        going = {way: pool.submit(cut_off, environment, *way) for way in ways}
    assert {way: one.exception() for way, one in going.items() if one.exception()} == {}
    soon(lambda: "Running" not in [phase for name, phase in agents(environment).items() if name not in before], 60)
    left = set(agents(environment)) - set(before)
    assert len(left) == len(ways)  # nobody was there to delete them
    pods.kubectl(environment, "delete", "pod", *left)


def test_the_agent_may_live_long_and_may_be_a_kept_one(environment: dict[str, str], pod: str) -> None:
    first = netns("exec", "-n", NAMESPACE, "-v", "--keep", "5m", pod, "--", "true", environment=environment)
    assert first.status == 0
    kept = [one for one in pods.get(environment, "pods")["items"]
            if (one["metadata"].get("annotations") or {}).get("kubectl-netns/keep") == "300"]  # fmt: skip
    try:
        assert {one["spec"]["activeDeadlineSeconds"] for one in kept} == {86400}
        second = netns("exec", "-n", NAMESPACE, "-v", pod, "--", "true", environment=environment)
        assert second.status == 0 and "using the agent that was kept" in second.err
    finally:
        for one in kept:
            pods.kubectl(environment, "delete", "pod", one["metadata"]["name"], "--grace-period=0", "--force")


def test_nothing_stays(environment: dict[str, str], pod: str) -> None:
    """Of a command that ended, of one that was not there, and of one that was left."""
    def names() -> set[str]:
        return {json.dumps(one["metadata"]["name"]) for one in pods.get(environment, "pods", "-A")["items"]
                if one["spec"]["containers"][0]["name"] == "netns-agent"}  # fmt: skip

    before = names()
    for words in (["true"], ["no-such-command"]):
        netns("exec", "-n", NAMESPACE, pod, "--", *words, environment=environment)
    process = start(environment, pod, "--", "sh", "-c", "trap '' INT; echo ready; sleep 600", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, said = process.communicate(timeout=30)
    assert process.returncode == ExitStatus.INTERRUPTED and b"interrupted by SIGINT" in said
    soon(lambda: names() <= before, 60)
