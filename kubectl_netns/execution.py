"""What is run in a pod's network namespace, and how it began: the facts of `kubectl netns exec` that travel (`wire.py`)."""

from __future__ import annotations

from typing import NamedTuple

from .model import Pod, Warning


class Screen(NamedTuple):
    """The terminal in front of the user: its size in characters, and the name of its kind ($TERM)."""

    rows: int
    columns: int
    kind: str


class Execution(NamedTuple):
    """A command for a pod's namespace. A pod without a UID is looked up by its name, as in a Question.

    `tools` says whose programs: node, image (the agent's), or auto: the node's if it has the command, else the image's.
    `stdin` is whether input will come; with a `screen` the command gets a terminal of its own. `runtime` as in a Question.
    """

    pod: Pod
    arguments: tuple[str, ...]
    tools: str
    stdin: bool
    screen: Screen | None
    runtime: str | None = None


class Started(NamedTuple):
    """The command runs: whose program it is (node or image), its path there, and what the user must know."""

    tools: str
    path: str
    warnings: tuple[Warning, ...] = ()
