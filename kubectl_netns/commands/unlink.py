"""`kubectl netns unlink POD|NAME…`: take back what `link` made, and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import ExitStatus
from .console import Console
from .linking import Nodes, Options, finish, nodes_option


def unlink(
    common: Options,
    console: Console,
    words: Annotated[list[str], typer.Argument(metavar="POD|NAME", help="A pod; with --node or --local also a link's name.")],
    node: Annotated[Nodes, nodes_option("Where to look for links of this name, or of a pod that is gone")] = None,
    all_nodes: Annotated[bool, typer.Option("--all-nodes", help="Look for them on every node.")] = False,
) -> ExitStatus:
    """Take back what `link` made, and nothing else.

    Examples:
      # all links of a pod
      kubectl netns link web-1
      kubectl netns unlink web-1

      # one link, whether its pod is still there or not
      kubectl netns link web-2 --name web
      kubectl netns unlink web --node node-b
    """
    from ..client import aliases
    from .answering import reach

    nodes = common.named(node, all_nodes)
    if common.local:
        report = aliases.local("unlink", words, common.namespace, None, common.seconds, console.progress)
    else:
        report = aliases.unlink(reach(common, console), words, nodes, all_nodes)
    return finish(report, common, console, single=False)
