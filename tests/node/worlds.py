"""Throw-away network namespaces for tests: made with `ip`, entered with `nsenter`, and all gone afterwards, also on failure."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_netns.agent.discover import survey
from kubectl_netns.agent.place import HERE
from kubectl_netns.model import NetworkNamespace
from kubectl_netns.questions import Question
from kubectl_netns.render.document import document

RUN = Path("/run/netns")


def sh(*words: str, check: bool = True, stdin: str | None = None) -> str:
    result = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=60)
    assert not check or result.returncode == 0, f"{words}: {result.stderr}"
    return result.stdout


class World:
    """Namespaces by short names; on the machine they are called `nt-XXXX-NAME`, links in the host's namespace `ntXXXXNAME`."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(2)
        self._names: list[str] = []
        self._links: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def name(self, short: str) -> str:
        return f"nt-{self.token}-{short}"

    def path(self, short: str) -> str:
        return str(RUN / self.name(short))

    def inode(self, short: str) -> int:
        return Path(self.path(short)).stat().st_ino

    def add(self, *shorts: str) -> None:
        for short in shorts:
            self._names.append(self.name(short))
            sh("ip", "netns", "add", self.name(short))
            self.ip(short, "link", "set", "lo", "up")

    def ip(self, short: str, *words: str, check: bool = True) -> str:
        return sh("ip", "-n", self.name(short), *words, check=check)

    def inside(self, short: str, *words: str) -> str:
        return sh("nsenter", f"--net={self.path(short)}", *words)

    def host_link(self, short: str) -> str:
        """The name of a link that the test makes in the host's namespace; it is deleted afterwards."""
        name = f"nt{self.token}{short}"
        self._links.append(name)
        return name

    def veth_to_host(self, short: str) -> str:
        name = self.host_link(short[:8])
        sh("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self.name(short))
        sh("ip", "link", "set", name, "up")
        self.ip(short, "link", "set", "eth0", "up")
        return name

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """A process that is ended with the world."""
        process = subprocess.Popen(words, **options)
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for link in self._links:
            sh("ip", "link", "del", link, check=False)
        for name in self._names:
            sh("ip", "netns", "del", name, check=False)


@contextmanager
def world() -> Iterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.close()


def read(question: Question | None = None) -> tuple[NetworkNamespace, ...]:
    """What the agent says of this machine, without any runtime."""
    return survey(HERE, question or Question(), []).namespaces


def item(inode: int) -> dict[str, Any]:
    """The namespace with this inode, as the JSON contract has it."""
    (found,) = [one for one in read() if one.namespace.inode == inode]
    return document([found], single=True)


def ip_json(text: str) -> Any:
    return json.loads(text or "[]")
