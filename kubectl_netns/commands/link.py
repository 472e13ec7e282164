"""`kubectl netns link POD…`: show a pod's namespace to `ip netns` on its node; `link --list`: what was so shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Optional

import typer

from ..errors import ExitStatus, NetnsError, RefusedError, UsageError
from .console import Console
from .linking import Format, Nodes, Options, finish, nodes_option


def link(
    common: Options,
    console: Console,
    words: Annotated[Optional[list[str]], typer.Argument(metavar="POD", help="NAME, pod/NAME or TYPE/NAME.")] = None,
    selector: Annotated[Optional[str], typer.Option("--selector", "-l", metavar="LABELS", help="Pods with these labels.")] = None,
    name: Annotated[Optional[str], typer.Option("--name", metavar="NAME", help="What to call it (NAMESPACE_POD).")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show the links that this tool has made.")] = False,
    node: Annotated[Nodes, nodes_option("With --list: the node whose links to show")] = None,
    all_nodes: Annotated[bool, typer.Option("--all-nodes", help="With --list: the links of every node.")] = False,
) -> ExitStatus:
    """Show the namespaces of pods to `ip netns` on their nodes.

    By a symbolic link in /run/netns to the runtime's own file. It pins nothing: when the pod goes, it leads nowhere. Take it back
    with `kubectl netns unlink`, never with `ip netns del`, which would unmount what it leads to.

    Examples:
      # under the name NAMESPACE_POD
      kubectl netns link web-1

      # under a name of your own
      kubectl netns link web-2 --name web

      # the links that were made
      kubectl netns link --list --all-nodes
    """
    from ..client import aliases
    from ..render import aliases as render
    from .answering import reach

    nodes = common.named(node, all_nodes)
    if listed:
        if words or selector is not None or name is not None:
            raise UsageError("--list shows all links of a node: it takes no pod and no name")
        return _list(common, console, nodes, all_nodes)
    if nodes is not None or all_nodes:
        raise UsageError("--node and --all-nodes go with --list", "a pod's link is made on the node where the pod is")
    if not words and selector is None:
        raise UsageError("name a pod, or -l SELECTOR", "`kubectl netns link --help` shows what there is")
    aliases.check(name, words or ())
    if common.local:
        if selector is not None:
            raise UsageError("-l asks the API server, which --local does not")
        report = aliases.local("link", words or [], common.namespace, name, common.seconds, console.progress)
    else:
        report = aliases.link(reach(common, console), words or [], selector, name)
        report = replace(report, errors=tuple(_told_apart(error, common.as_user) for error in report.errors))
    status = finish(report, common, console, single=len(words or []) == 1 and selector is None)
    if report.links and common.output in (Format.table, Format.wide):
        console.hint(render.usage(report.links))
    return status


def _list(common: Options, console: Console, nodes: list[str] | None, all_nodes: bool) -> ExitStatus:
    from ..client import aliases
    from ..render import aliases as render
    from .answering import reach

    if common.local:
        report = aliases.local("list", [], None, None, common.seconds, console.progress)
    elif nodes is None and not all_nodes:
        raise UsageError("which node?", "`kubectl netns link --list --node NODE`, or --all-nodes")
    else:
        report = aliases.listed(reach(common, console), nodes)
    status = finish(report, common, console, single=False, people=render.listing)
    if not report.links and not report.errors and common.output in (Format.table, Format.wide):
        console.hint("there is none; `kubectl netns link POD` makes one")
    return status


def _told_apart(error: NetnsError, user: str | None) -> NetnsError:
    """The refusal of somebody who may have taken kubectl's --as for ours."""
    if user is None or not isinstance(error, RefusedError):
        return error
    hint = f'--as is kubectl\'s, the user to impersonate: if "{user}" should be the link\'s name, say --name'
    return RefusedError(error.message, f"{error.hint}; {hint}" if error.hint else hint)
