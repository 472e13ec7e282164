"""`kubectl netns POD…`: one card a pod. The verb is seldom typed; `cli` puts it in when the first word is none."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from ..errors import ExitStatus, UsageError
from .console import Console
from .options import Common


def show(
    common: Common,
    console: Console,
    words: Annotated[Optional[list[str]], typer.Argument(metavar="POD", help="NAME, pod/NAME or TYPE/NAME.")] = None,
    selector: Annotated[Optional[str], typer.Option("--selector", "-l", metavar="LABELS", help="Pods with these labels.")] = None,
    node: Annotated[Optional[str], typer.Option("--node", metavar="NODE", hidden=True)] = None,
) -> ExitStatus:
    """Show the network namespaces of pods: node, sandbox, path, interfaces and where each leads."""
    if node is not None:
        hint = f"`kubectl netns --node {node} list` lists its namespaces; a pod needs no --node"
        raise UsageError("--node goes with list", hint)
    if not words and selector is None:
        raise UsageError("name a pod, or -l SELECTOR", "`kubectl netns --help` shows what there is")
    from ..client import survey
    from ..render import table
    from .answering import finish, reach

    shown = common.shown
    if common.local:
        if selector is not None:
            raise UsageError("-l asks the API server, which --local does not")
        report = survey.local(words or [], common.namespace, shown, common.seconds, console.progress)
    else:
        report = survey.pods(reach(common, console), words or [], selector, shown)
    return finish(report, common, console, single=len(words or []) == 1 and selector is None, people=table.cards)
