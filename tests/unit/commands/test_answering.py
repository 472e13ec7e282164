"""What a report becomes: the answer on stdout, what is missing on stderr, and the exit status that scripts rely on."""

from __future__ import annotations

import io
import json

import pytest

from kubectl_netns.client.survey import Report
from kubectl_netns.commands.answering import finish
from kubectl_netns.commands.console import Console
from kubectl_netns.commands.options import Common, Format
from kubectl_netns.errors import ExitStatus, NetnsError, NodeError, NoNamespaceError, NotFoundError
from kubectl_netns.model import Warning
from tests.unit.facts import CONTAINERD, HOST

LOST, LATE = NotFoundError('no pod "x"'), NodeError("node a is not ready")
UNREADABLE = HOST._replace(warnings=(Warning("namespace-unreadable", "no"),))


def told(report: Report, output: Format = Format.name, single: bool = True) -> tuple[ExitStatus, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return finish(report, Common(output=output), Console(out, err), single), out.getvalue(), err.getvalue()


@pytest.mark.parametrize(("report", "status"), [
    (Report((CONTAINERD,)), ExitStatus.ANSWERED),
    (Report((CONTAINERD._replace(warnings=(Warning("pod-ip-missing", "careful"),)),)), ExitStatus.ANSWERED),
    (Report((CONTAINERD,), (LOST,)), ExitStatus.INCOMPLETE),
    (Report((CONTAINERD,), (), (Warning("runtime-unavailable", "refused"),)), ExitStatus.INCOMPLETE),
    (Report((CONTAINERD,), (), (Warning("namespace-unreadable", "no"),)), ExitStatus.INCOMPLETE),
    (Report((UNREADABLE,)), ExitStatus.INCOMPLETE),
    (Report((), (LOST, LATE)), ExitStatus.NOT_FOUND),
    (Report((), (LATE, LOST)), ExitStatus.NODE),
    (Report((), (NoNamespaceError("pending"),)), ExitStatus.NO_NAMESPACE),
    (Report(()), ExitStatus.ANSWERED),
])  # fmt: skip
def test_the_status(report: Report, status: ExitStatus) -> None:
    assert told(report)[0] == status


def test_a_part_of_the_answer_is_printed_and_what_is_missing_told() -> None:
    _, out, err = told(Report((CONTAINERD,), (LOST, LATE), (Warning("w", "careful"),)))
    assert out == "/run/netns/cni-26d4bfd1\n"
    assert err == 'warning: careful\nerror: no pod "x"\nerror: node a is not ready\n'


def test_what_every_node_says_is_told_once() -> None:
    assert told(Report((), (LOST, LATE, NotFoundError('no pod "x"'))))[2] == 'error: no pod "x"\nerror: node a is not ready\n'


def test_where_nothing_was_found_nothing_is_printed() -> None:
    assert told(Report((), (NetnsError("broken"),)), Format.json)[1] == ""


@pytest.mark.parametrize("output", [Format.json, Format.yaml])
def test_an_empty_list_is_a_list(output: Format) -> None:
    assert "NetworkNamespaceList" in told(Report(()), output)[1]


@pytest.mark.parametrize(("single", "kind"), [(True, "NetworkNamespace"), (False, "NetworkNamespaceList")])
def test_one_pod_stands_alone_a_list_of_one_does_not(single: bool, kind: str) -> None:
    assert json.loads(told(Report((CONTAINERD,)), Format.json, single)[1])["kind"] == kind
