"""What every runtime answers: which sandboxes and plain containers are there, whose, where. Kernel facts are not asked here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ...model import Pod, Sandbox, Warning

BUDGET = 10.0
"""Seconds that one runtime may take for all it is asked: a slow one costs that much, and a warning."""


class Holder(NamedTuple):
    """Something that the runtime says has a network namespace: a pod's sandbox, or a plain container.

    `path` is the namespace's file on the node, None where the runtime names none (then the PID leads to it).
    `pod` is None for a plain container, whose name is `container`; `pod.host_network`: it is said to share the node's own.
    `seen`: whether a process of it was found in the namespace that it is attached to; None: not looked for.
    """

    sandbox: Sandbox
    pod: Pod | None
    path: str | None
    container: str | None = None
    warnings: tuple[Warning, ...] = ()
    seen: bool | None = None


class RuntimeUnavailable(Exception):
    """The runtime did not answer, or not sensibly; the message says which socket and why. The survey goes on without it.

    `partial` is what it had told until then.
    """

    def __init__(self, message: str, partial: Sequence[Holder] = ()) -> None:
        super().__init__(message)
        self.partial = tuple(partial)


class NotSpoken(RuntimeUnavailable):
    """Something answers at the socket, but it speaks no CRI (Docker's own containerd)."""


class Runtime(Protocol):
    """A container runtime of this node."""

    def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
        """All of them, or those of the pods wanted. Raises RuntimeUnavailable."""
        ...


def wanted(pod: Pod, pods: tuple[Pod, ...] | None) -> bool:
    """Whether a runtime's pod is one that was asked for; None asks for all."""
    return pods is None or any(asked.matches(pod) for asked in pods)


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))


def one_spelling(path: str) -> str:
    """/var/run/X as /run/X: one name for one file."""
    return path.removeprefix("/var") if path.startswith("/var/run/") else path
