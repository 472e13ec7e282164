"""What every verb that reports namespaces does after its question: print the items, tell what is missing, give the status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..client import aliases, survey
from ..client.background import Background
from ..client.kubeconfig import connect
from ..client.kubectl import find
from ..errors import ExitStatus
from ..model import NetworkNamespace
from ..render import document, ip, table
from .console import Console
from .options import Agents, Common, Format

INCOMPLETE = ("runtime-unavailable", "namespace-unreadable")


def reach(
    common: Agents, console: Console, progress: Callable[[str], None] | None = None, lasting: bool = False
) -> survey.Reach:
    """The way to the cluster's nodes. kubectl is looked for first: without it nothing else matters.

    `progress` takes the console's place; `lasting` agents may be busy for long.
    """
    seconds, kubectl = common.seconds, find(common.connection)
    console.progress("reading the kubeconfig")
    cluster = connect(common.connection, min(seconds, common.request_seconds), common.seconds)
    spec = replace(common.spec(cluster.home), lasting=lasting)
    if isinstance(common, Common) and common.output in (Format.table, Format.wide):
        Background(table.prepare)  # while the API server answers
    return survey.Reach(cluster, kubectl, spec, progress or console.progress, console.detail, console.note)


def render(
    items: Sequence[NetworkNamespace], output: Format, single: bool, people: Callable[[Sequence[NetworkNamespace], bool], str]
) -> str:
    """`people` makes the table; `single` is whether one item stands alone in JSON and YAML."""
    if output is Format.json:
        return document.as_json(items, single)
    if output is Format.yaml:
        return document.as_yaml(items, single)
    if output is Format.ip:
        return ip.addresses(items)
    if output is Format.name:
        return document.names(items)
    return people(items, output is Format.wide) if items else ""


def finish(
    report: survey.Report, common: Common, console: Console, single: bool, people: Callable[..., str] = table.listing
) -> ExitStatus:
    """Print the report, and give its status; INCOMPLETE also where a warning says that something is missing."""
    status = conclude(bool(report.items), render(report.items, common.output, single, people), report, console)
    warnings = [*report.warnings, *(warning for item in report.items for warning in item.warnings)]
    missing = any(warning.code in INCOMPLETE for warning in warnings)
    return ExitStatus.INCOMPLETE if missing and not report.errors else status


def conclude(found: bool, text: str, report: survey.Report | aliases.Report, console: Console) -> ExitStatus:
    """Print what was found, and what was not. Its errors' status if nothing was found; INCOMPLETE if only a part was."""
    if found or not report.errors:
        console.answer(text)
    for warning in report.warnings:
        console.warn(warning)
    for error in {(one.message, one.hint): one for one in report.errors}.values():  # what all nodes say is told once
        console.error(error)
    if report.errors:
        return ExitStatus.INCOMPLETE if found else report.errors[0].status
    return ExitStatus.ANSWERED
