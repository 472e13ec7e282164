"""`kubectl netns --node NODE list`: every network namespace of a node, the host's own first."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from ..client import survey
from ..errors import ExitStatus, UsageError
from .answering import finish, reach
from .console import Console
from .options import Common


def list_(
    common: Common,
    console: Console,
    node: Annotated[Optional[list[str]], typer.Option("--node", metavar="NODE", help="Node to look at; may be repeated.")] = None,
) -> ExitStatus:
    """List every network namespace of a node: its owner, what holds it, and its interfaces."""
    shown = common.shown
    if common.local:
        if node:
            raise UsageError("--node and --local exclude each other")
        return finish(survey.local(None, None, shown, common.seconds, console.progress), common, console, single=False)
    if not node:
        raise UsageError("which node?", "`kubectl netns --node NODE list`; `kubectl get nodes` shows their names")
    names = [name.removeprefix("node/") for name in dict.fromkeys(node)]
    return finish(survey.nodes(reach(common, console), names, shown), common, console, single=False)
