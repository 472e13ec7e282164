"""`kubectl netns exec POD -- COMMAND…`: run a command in a pod's network namespace."""

from __future__ import annotations

import os
import threading
from enum import Enum
from typing import Annotated, Optional

import typer

from ..errors import UsageError
from .console import Console
from .options import Anywhere

SEPARATOR = "--"
HINT = "kubectl netns exec [-i] [-t] POD -- COMMAND [ARGUMENT…]"
NO_TERMINAL = "Unable to use a TTY - input is not a terminal or the right kind of file"  # kubectl's own words


class Tools(str, Enum):
    auto = "auto"
    node = "node"
    image = "image"


def exec_(
    common: Anywhere,
    console: Console,
    words: Annotated[Optional[list[str]], typer.Argument(metavar="POD -- COMMAND", help="The pod, and what to run.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", "-i", help="Pass stdin to the command.")] = False,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Give the command a terminal.")] = False,
    tools: Annotated[
        Tools, typer.Option("--tools", help="Whose programs: the node's, the agent image's; auto: the node's, else the image's.")
    ] = Tools.auto,
) -> int:
    """Run a command in a pod's network namespace.

    With the node's own tools where it has them, else with those of the agent's image; the pod needs none. The exit status is the
    command's. Names resolve as in the pod: its /etc/resolv.conf, and its /etc/hosts, are in place.

    Examples:
      # the sockets of a pod that has no shell
      kubectl netns exec web-1 -- ss -tlnp

      # a shell with a terminal, the pod's network and the node's tools
      kubectl netns exec -it web-1 -- bash

      # what the image of the agent has, whatever the node has
      kubectl netns exec web-1 --tools image -- python3 --version
    """
    from ..client import inside
    from ..client.streams import Streams
    from ..execution import Execution
    from ..model import Pod
    from .answering import reach

    pod, command = split(words or [])
    if common.local and tools is Tools.image:
        raise UsageError("--tools image: with --local there is no image, only this machine's tools")
    if tty and not _is_terminal(0):
        console.note(NO_TERMINAL)
        tty = False
    quiet = _Quiet(console)
    streams = Streams(0 if stdin else None, 1, 2, tty, console.note, quiet.begin)
    execution = Execution(Pod("", pod, None), command, tools.value, stdin, streams.screen)
    if common.local:
        return inside.run_here(pod, common.namespace, execution, streams, common.seconds)
    way = reach(common, console, quiet.progress, lasting=True)
    return inside.run(way, pod, execution, streams, console.error)


def split(words: list[str]) -> tuple[str, tuple[str, ...]]:
    """The pod and the command. `cli.arrange` has seen to it that the separator is among the words."""
    before = words[: words.index(SEPARATOR)] if SEPARATOR in words else words
    command = tuple(words[len(before) + 1 :])
    if not before:
        raise UsageError("name a pod", HINT)
    if SEPARATOR not in words and len(words) > 1:
        raise UsageError("the command stands behind --", HINT)
    if not command or not command[0]:
        raise UsageError("which command?", HINT)
    if len(before) > 1:
        raise UsageError(f"one pod at a time: {' '.join(before)}", HINT)
    return before[0], command


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


class _Quiet:
    """Progress until the command runs; from then on the terminal is the command's, also after its end: its last line stays."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = False
        self._lock = threading.Lock()

    def progress(self, text: str) -> None:
        with self._lock:
            if not self._begun:
                self._console.progress(text)

    def begin(self) -> None:
        with self._lock:
            self._console.clear()
            self._begun = True
