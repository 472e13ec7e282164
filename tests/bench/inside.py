"""The world of `reading.py`: PID 1 of a node without pods. Makes namespaces, times both sides, prints a Ratio a line as JSON."""

from __future__ import annotations

import gc
import io
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from kubectl_netns import wire
from kubectl_netns.agent.enter import in_own_thread
from kubectl_netns.agent.visit import Visit, Visitor, visit_all
from kubectl_netns.client import bundle
from kubectl_netns.client.nodes import boot
from kubectl_netns.questions import Answer, Question

from .pairs import Ratio, paired, seconds

FOLDER = Path("/run/netns")
PACKED = bundle.build("containerd")
INNER = "link set lo up\nlink set eth0 up\naddr add 10.0.0.2/24 dev eth0\naddr add fd00::2/64 dev eth0 nodad\n"


def main(bound: str) -> Iterator[Ratio]:
    gc.disable()  # as the agent does
    FOLDER.mkdir(exist_ok=True)
    ip("link", "set", "lo", "up")
    grow(100)
    at_100 = per_namespace(100)
    grow(200)
    yield paired("200 namespaces, links and addresses: our agent / C", in_python, lambda: in_c(bound), 2.5)
    grow(500)
    yield paired("500 namespaces: whole agent / ip -all netns exec ip -j addr", lambda: agent(500), ip_all, 1 / 8, 5)
    yield paired("500 namespaces: whole agent / nsenter sh -c 'ip a' one by one", lambda: agent(500), nsenter, 1 / 25, 3)
    grow(1000)
    yield Ratio("1000 namespaces: the agent's peak memory / 1 MiB (a KiB as a ms)", peak_kib() / 1000, 1024 / 1000, 40)
    grow(2000)
    yield Ratio("one namespace among 2000 / among 100", per_namespace(2000), at_100, 1.3)


def ip(*words: str, batch: str | None = None) -> None:
    subprocess.run(["ip", *words], input=batch, text=True, stdout=subprocess.DEVNULL, check=True)


def grow(count: int) -> None:
    """So many namespaces, each with lo and a veth to this one, two addresses besides the link-local."""
    numbers = range(len(os.listdir(FOLDER)), count)
    lines = (f"netns add b{n}\nlink add h{n} type veth peer name eth0 netns b{n}\nlink set h{n} up\n" for n in numbers)
    ip("-batch", "-", batch="".join(lines))
    for number in numbers:
        ip("-n", f"b{number}", "-batch", "-", batch=INNER)


def in_python() -> float:
    """The reading alone, as the agent does it."""
    answers: list[Visit | Exception] = []

    def work() -> float:
        with ExitStack() as stack:
            visitor = Visitor("/proc/1/ns/net", stack)
            paths = [str(path) for path in FOLDER.iterdir()]
            return seconds(lambda: answers.extend(visit_all(visitor, paths)))

    taken = in_own_thread(work)
    assert all(isinstance(answer, Visit) and len(answer.interfaces) == 2 for answer in answers)
    return taken


def in_c(bound: str) -> float:
    return float(subprocess.run([bound], capture_output=True, text=True, check=True).stdout)


def agent(count: int) -> float:
    """As on a node: a fresh Python, the bundle and the question on its stdin, to the last byte of its answer."""
    said: list[bytes] = []
    writer = wire.Writer(said.append)
    writer.send(wire.Kind.HELLO, json.dumps({"version": wire.VERSION, "nonce": "0" * 32}).encode())
    writer.send(wire.Kind.QUESTION, wire.encode(Question()))
    writer.end()
    begun = time.perf_counter()
    command = boot(sys.executable, PACKED, "local")
    done = subprocess.run(command, input=PACKED + b"".join(said), stdout=subprocess.PIPE, check=True)
    taken = time.perf_counter() - begun
    reader = wire.Reader(io.BytesIO(done.stdout).read)
    reader.receive()
    answer = wire.decode(Answer, reader.receive()[1])
    assert len(answer.namespaces) == count + 1 and reader.receive()[0] is wire.Kind.END
    return taken


def per_namespace(count: int) -> float:
    agent(count)
    return statistics.median(agent(count) for _ in range(7)) / count


def ip_all() -> float:
    return seconds(lambda: ip("-all", "netns", "exec", "ip", "-j", "addr"))


def nsenter() -> float:
    def run() -> None:
        for path in FOLDER.iterdir():
            subprocess.run(["nsenter", f"--net={path}", "sh", "-c", "ip a"], stdout=subprocess.DEVNULL, check=True)

    return seconds(run)


def peak_kib() -> int:
    """VmHWM of the agent's process. ru_maxrss will not do: between fork and exec it counts the parent's memory."""
    peaks = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    ours = "kubectl_netns.agent" in (folder / "cmdline").read_text()
                    status = (folder / "status").read_text() if ours else ""
                except OSError:
                    continue
                peaks.append(int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    agent(1000)
    done.set()
    watcher.join()
    return max(peaks)


if __name__ == "__main__":
    for ratio in main(sys.argv[1]):
        print(json.dumps(asdict(ratio)), flush=True)
