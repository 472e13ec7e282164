"""What a node is asked, and what it answers. These travel as they are (`wire.py`), by the rules of `model.py`."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar

from .model import NetworkNamespace, Pod, Warning

Reply = TypeVar("Reply")
Reply_co = TypeVar("Reply_co", covariant=True)


class Request(Protocol[Reply_co]):
    """What a node can be asked; the parameter is what it answers with. A fact itself."""

    @property
    def runtime(self) -> str | None:
        """The node's container runtime (docker, containerd, cri-o), None to ask all that are found."""

    def at(self, runtime: str) -> Request[Reply_co]:
        """The same request for a node with this runtime."""

    @staticmethod
    def reply() -> type[Reply_co]:
        """What the answer is."""


class Clue(NamedTuple):
    """One reading of a word that somebody looks for: the kind of thing that it may be, and it in that kind's own spelling.

    `kind` is address, mac, interface or ifindex (of the node's own), inode, sandbox, container, network (Docker's SandboxID),
    pid, path or name; IDs may be the beginning of one.
    """

    kind: str
    value: str


class Question(NamedTuple):
    """Which namespaces are there. `pods` None: every one; a pod without a UID is looked up by its name.

    `show` says what else is wanted: routes, neighbours, rules, sockets, statistics.
    With `clues`, of all namespaces only those to which one of them leads.
    """

    pods: tuple[Pod, ...] | None = None
    runtime: str | None = None
    show: tuple[str, ...] = ()
    clues: tuple[Clue, ...] = ()

    def at(self, runtime: str) -> Question:
        return self._replace(runtime=runtime)

    @staticmethod
    def reply() -> type[Answer]:
        return Answer


class Answer(NamedTuple):
    """What a node says: its namespaces, the host's own first, and what went wrong on the way."""

    platform: str
    namespaces: tuple[NetworkNamespace, ...]
    warnings: tuple[Warning, ...] = ()
