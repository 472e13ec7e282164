"""`kubectl netns --node NODE list`: every network namespace of a node, of several, or of all; the host's own first."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from ..errors import ExitStatus, UsageError
from .console import Console
from .options import Common


def list_(
    common: Common,
    console: Console,
    words: Annotated[Optional[list[str]], typer.Argument(metavar="NODE", help="Node to look at, as with --node.")] = None,
    node: Annotated[Optional[list[str]], typer.Option("--node", metavar="NODE", help="Node to look at; may be repeated.")] = None,
    all_nodes: Annotated[bool, typer.Option("--all-nodes", help="Look at every node of the cluster.")] = False,
) -> ExitStatus:
    """List every network namespace of a node, and whose it is.

    Pods' and containers', those made by hand, and those that only a mount, a descriptor, a socket or a number tells of; the
    node's own comes first. Of each: its owner, what holds it, and its interfaces. With -n only those of this namespace's pods.

    Examples:
      # one node
      kubectl netns --node node-b list

      # the whole cluster; an orphan is held although its sandbox is gone
      kubectl netns list --all-nodes -o wide

      # their files, for scripts
      kubectl netns --node node-b list -o name

      # those of one namespace's pods
      kubectl netns list --all-nodes -n shop

      # what is inside every one
      kubectl netns --node node-b list --show sockets -o json | jq .items[].sockets

      # this machine, as root
      kubectl netns --local list
    """
    from ..client import survey
    from .answering import finish, reach

    shown = common.shown
    hint = "`kubectl netns --node NODE list`, or list --all-nodes; `kubectl get nodes` shows their names"
    names = common.named([*(words or []), *(node or [])], all_nodes, hint)
    if common.local:
        report = survey.local(None, None, shown, common.seconds, console.progress)
    elif names is None and not all_nodes:
        raise UsageError("which node?", hint)
    else:
        report = survey.nodes(reach(common, console), names, shown)
    if common.namespace:
        report = survey.within(report, common.namespace)
    status = finish(report, common, console, single=False)
    if common.namespace and not report.items and not report.errors:
        console.note(f"no pod of namespace {common.namespace} has a network namespace of its own there")
    return status
