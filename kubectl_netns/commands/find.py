"""`kubectl netns find WHAT`: the question backwards. What a word may be is `client/readings.py`'s business."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..client import readings
from ..errors import ExitStatus, UsageError
from .console import Console
from .options import Common

if TYPE_CHECKING:
    from ..model import NetworkNamespace
    from ..questions import Clue

Kind = Enum("Kind", {kind: kind for kind in readings.KINDS}, type=str)  # type: ignore[misc]


def find(
    common: Common,
    console: Console,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="Address, MAC, veth, ifindex, inode, sandbox or container ID, PID or path.")
    ],
    node: Annotated[Optional[list[str]], typer.Option("--node", metavar="NODE", help="Node to look on; may be repeated.")] = None,
    all_nodes: Annotated[bool, typer.Option("--all-nodes", help="Look on every node of the cluster.")] = False,
    kind: Annotated[Optional[Kind], typer.Option("--kind", metavar="KIND", help=f"What WHAT is: {', '.join(Kind)}.")] = None,
) -> ExitStatus:
    """Find whose an address, a MAC, a veth, a container or a PID is.

    Also an inode, an ifindex, a sandbox, Docker's SandboxID, a path or a name of a namespace. What the API server can place is
    looked for on its node alone, everything else on all nodes; numbers mean something on one node only, and want --node.

    Examples:
      # the pod that has this address
      kubectl netns find 10.244.2.14

      # of a number, say what it is, and where
      kubectl netns find 1 --kind pid --node node-a

      # the same on this machine, as root
      kubectl netns --local find eth0
    """
    from ..client import search
    from .answering import finish, reach

    what = what.strip()  # as it comes out of a table
    clues = readings.clues(what, kind.value if kind else None)
    asked = search.Search(what, clues, common.namespace, common.shown)
    names = common.named(node, all_nodes)
    if common.local:
        return finish(search.local(asked, common.seconds, console.progress), common, console, single=True, people=_people)
    if names is None and not all_nodes:
        _refuse_numbers(what, clues)
    report = search.cluster(reach(common, console), asked, names or [], all_nodes)
    return finish(report, common, console, single=True, people=_people)


def _refuse_numbers(what: str, clues: Sequence[Clue]) -> None:
    """Without a node: every node has a process 4711. To look on all of them is for the user to say."""
    counted = [clue.kind for clue in clues if readings.per_node(clue)]
    others = [f"--kind {clue.kind}" for clue in clues if not readings.per_node(clue)]
    if counted:
        hint = f"name it with --node, or look on --all-nodes{'; or it is ' if others else ''}{' or '.join(others)}"
        raise UsageError(f'"{what}" may be a node\'s own {" or ".join(counted)}: on which node?', hint)


def _people(items: Sequence[NetworkNamespace], wide: bool) -> str:
    """One is what was looked for; several are to be told apart."""
    from ..render import table

    return table.cards(items, wide) if len(items) == 1 else table.listing(items, wide)
