"""What a node is asked, and what it answers. These travel as they are (`wire.py`), by the rules of `model.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from .model import NetworkNamespace, Pod, Warning

Reply = TypeVar("Reply")
Asked = TypeVar("Asked", bound="Request[Any]")


class Request(Generic[Reply]):
    """What a node can be asked; the parameter is what it answers with (`wire.REPLIES`). Each is a frozen dataclass.

    `runtime` is the node's container runtime (docker, containerd, cri-o), None to ask all that are found.
    """

    runtime: str | None

    def at(self: Asked, runtime: str) -> Asked:
        """The same request for a node with this runtime."""
        return replace(self, runtime=runtime)  # type: ignore[type-var]


@dataclass(frozen=True)
class Clue:
    """One reading of a word that somebody looks for: the kind of thing that it may be, and it in that kind's own spelling.

    `kind` is address, mac, interface or ifindex (of the node's own), inode, sandbox, container, network (Docker's SandboxID),
    pid, path or name; IDs may be the beginning of one.
    """

    kind: str
    value: str


@dataclass(frozen=True)
class Question(Request["Answer"]):
    """Which namespaces are there. `pods` None: every one; a pod without a UID is looked up by its name.

    `show` says what else is wanted: routes, neighbours, rules, sockets, statistics.
    With `clues`, of all namespaces only those to which one of them leads.
    """

    pods: tuple[Pod, ...] | None = None
    runtime: str | None = None
    show: tuple[str, ...] = ()
    clues: tuple[Clue, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a node says: its namespaces, the host's own first, and what went wrong on the way."""

    platform: str
    namespaces: tuple[NetworkNamespace, ...]
    warnings: tuple[Warning, ...] = ()
