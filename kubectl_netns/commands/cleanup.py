"""`kubectl netns cleanup`: delete agent pods that are still listed although nobody uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExitStatus, NetnsError
from ..render.safe import safe
from .console import Console
from .options import Agents

if TYPE_CHECKING:
    from ..client.leftovers import Leftover

DELETED = "deleted"


def cleanup(
    common: Agents,
    console: Console,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Look in every namespace.")] = False,
    running: Annotated[
        bool, typer.Option("--running", help="Also those that still run: somebody may be using them just now.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be deleted.")] = False,
) -> ExitStatus:
    """Delete left-over agent pods, and those that you kept.

    Killed clients leave pods that have ended, --keep leaves some that run. Others that run are left alone: they are in use.

    Examples:
      # what would be deleted in the context's namespace
      kubectl netns cleanup --dry-run

      # delete it
      kubectl netns cleanup

      # in every namespace
      kubectl netns cleanup -A --dry-run
    """
    from ..client import leftovers
    from ..client.kubeconfig import connect
    from ..render.table import columns

    cluster = connect(common.connection, min(common.seconds, common.request_seconds), common.seconds)
    namespace = None if everywhere else common.agent_namespace or common.namespace or cluster.home
    found = list(leftovers.find(cluster, namespace))
    done = {one: _done(one.ended or one.idle or one.stuck or running, dry_run) for one in found}
    failures: list[NetnsError] = []
    for one in [one for one, word in done.items() if word == DELETED]:
        try:
            leftovers.remove(cluster, one)
        except NetnsError as error:  # the others can be deleted all the same
            failures.append(error)
            done[one] = "not deleted"
    rows = [[*_facts(one), word] for one, word in done.items()]
    if rows:
        console.answer(columns(["NAMESPACE", "NAME", "NODE", "PHASE", "STARTED BY", "CREATED", "DONE"], rows))
    else:
        console.answer(f"no agent pods in {f'namespace {namespace}' if namespace else 'any namespace'}")
    for failure in failures:
        console.error(failure)
    if not failures:
        return ExitStatus.ANSWERED
    return ExitStatus.INCOMPLETE if DELETED in done.values() else failures[0].status


def _facts(one: Leftover) -> list[object]:
    return [one.namespace, one.name, one.node, one.phase, safe(one.started_by or ""), one.created_at]


def _done(chosen: bool, dry_run: bool) -> str:
    if not chosen:
        return "left alone: it may be in use, see --running"
    return "would be deleted" if dry_run else DELETED
