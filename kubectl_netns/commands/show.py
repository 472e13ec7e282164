"""`kubectl netns POD…`: one card a pod. The verb is seldom typed; `cli` puts it in when the first word is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Optional

import typer

from ..errors import ExitStatus, NetnsError, NoPodError, UsageError
from .console import Console
from .helping import meant
from .options import Common


def show(
    invocation: typer.Context,
    common: Common,
    console: Console,
    words: Annotated[Optional[list[str]], typer.Argument(metavar="POD", help="NAME, pod/NAME or TYPE/NAME.")] = None,
    selector: Annotated[Optional[str], typer.Option("--selector", "-l", metavar="LABELS", help="Pods with these labels.")] = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="With -l: pods of every namespace.")] = False,
    node: Annotated[Optional[str], typer.Option("--node", metavar="NODE", hidden=True)] = None,
) -> ExitStatus:
    """Show pods' network namespaces, interfaces and where each leads.

    One card a pod: its node, its sandbox, its namespace's file and inode, every interface, and the other end of each on the host.

    Examples:
      # one pod
      kubectl netns web-1

      # in another namespace, of another cluster
      kubectl netns web-1 -n shop --context CONTEXT

      # one of a deployment's pods
      kubectl netns deployment/web

      # all pods with a label, with counters
      kubectl netns -l app=web -o wide

      # also its routes, and its sockets with their processes
      kubectl netns web-1 --show routes,sockets

      # for scripts
      kubectl netns web-1 -o json | jq -r .namespace.path
    """
    if node is not None:
        hint = f"`kubectl netns --node {node} list` lists its namespaces; a pod needs no --node"
        raise UsageError("--node goes with list", hint)
    if not words and selector is None:
        raise UsageError("name a pod, or -l SELECTOR", "`kubectl netns --help` shows what there is")
    if everywhere and (words or selector is None):
        raise UsageError("-A goes with -l", "a pod has a namespace: -n; `list --all-nodes` shows every namespace of the cluster")
    from ..client import survey
    from ..render import table
    from .answering import finish, reach

    shown = common.shown
    if common.local:
        if selector is not None:
            raise UsageError("-l asks the API server, which --local does not")
        report = survey.local(words or [], common.namespace, shown, common.seconds, console.progress)
    else:
        report = survey.pods(reach(common, console), words or [], selector, shown, everywhere)
    above: Any = invocation.parent
    mistyped = (_mistyped(error, (words or [""])[0], above.command.commands) for error in report.errors)
    report = replace(report, errors=tuple(mistyped))
    return finish(report, common, console, single=len(words or []) == 1 and selector is None, people=table.cards)


def _mistyped(error: NetnsError, first: str, verbs: Iterable[str]) -> NetnsError:
    """The first word, if it is no pod, may have been meant as a verb."""
    if not isinstance(error, NoPodError) or error.name != first or not (verb := meant(first, verbs)):
        return error
    return NoPodError(error.name, error.message, f"{verb} {error.hint or ''}".strip())
