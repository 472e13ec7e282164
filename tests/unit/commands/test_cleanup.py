"""`cleanup`: which agent pods it deletes, which it only names, and that --dry-run deletes none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_netns.client import kubeconfig
from kubectl_netns.client.agent_pod import IN_USE, KEEP, PYTHON, STARTED_BY, WAITER, started_by
from kubectl_netns.commands import cleanup as verb
from kubectl_netns.commands.console import Console
from kubectl_netns.commands.options import Agents
from kubectl_netns.errors import ExitStatus, RefusedError


def pod(name: str, phase: str, notes: dict[str, str] | None = None, container: str = "netns-agent",
        created: str = "2999-01-01T00:00:00Z") -> dict[str, Any]:
    metadata = {"name": f"node-debugger-{name}", "namespace": "ns", "uid": f"uid-{name}", "creationTimestamp": created, "annotations": notes}
    spec = {"nodeName": "a", "containers": [{"name": container, "command": [*PYTHON, WAITER.read_text(), "cafe", "900", "30"]}]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


PODS = [
    pod("ended", "Succeeded"), pod("failed", "Failed"), pod("running", "Running"), pod("starting", "Pending"), pod("stuck", "Pending", created="2020-01-01T00:00:00Z"),
    pod("kept", "Running", {KEEP: "300", STARTED_BY: started_by()}), pod("hers", "Running", {KEEP: "300", STARTED_BY: "eve@\x1b[31m"}),
    pod("used", "Running", {KEEP: "300", STARTED_BY: started_by(), f"{IN_USE}cafe": "2999-01-01T00:00:00Z"}),
    pod("foreign", "Succeeded", container="debugger"),
]  # fmt: skip


class Api:
    namespace, home = "user", "home"

    def __init__(self) -> None:
        self.looked: list[str | None] = []
        self.deleted: list[tuple[str, str, str]] = []

    def pods(self, namespace: str | None) -> Iterator[dict[str, Any]]:
        self.looked.append(namespace)
        return iter(PODS)

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        self.deleted.append((namespace, name.removeprefix("node-debugger-"), uid))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    known = Api()
    monkeypatch.setattr(kubeconfig, "connect", lambda connection, timeout, patience: known)
    return known


@pytest.mark.parametrize(("options", "deleted"), [
    ({}, ["ended", "failed", "stuck", "kept"]),
    ({"running": True}, ["ended", "failed", "running", "starting", "stuck", "kept", "hers", "used"]),
    ({"dry_run": True}, []),
    ({"dry_run": True, "running": True}, []),
])  # fmt: skip
def test_what_is_deleted(api: Api, options: dict[str, bool], deleted: list[str]) -> None:
    out = io.StringIO()
    assert verb.cleanup(Agents(), Console(out, io.StringIO()), **options) == 0
    assert api.deleted == [("ns", name, f"uid-{name}") for name in deleted]
    lines = out.getvalue().splitlines()[1:]
    assert len(lines) == 8 and "foreign" not in out.getvalue() and "\x1b" not in out.getvalue()
    words = {line.split()[1].removeprefix("node-debugger-"): line for line in lines}
    assert {name for name, line in words.items() if line.endswith("  deleted")} == set(deleted)
    assert all("would be deleted" in words[name] for name in ("ended", "kept") if options.get("dry_run"))
    assert [("left alone" in words[name]) is not options.get("running", False) for name in ("hers", "used")] == [True, True]


@pytest.mark.parametrize(("options", "agents", "looked"), [
    ({}, Agents(), "home"), ({}, Agents(namespace="shop"), "shop"), ({}, Agents(agent_namespace="agents"), "agents"), ({"everywhere": True}, Agents(agent_namespace="agents"), None),
])  # fmt: skip
def test_where_it_looks(api: Api, options: dict[str, bool], agents: Agents, looked: str | None) -> None:
    verb.cleanup(agents, Console(io.StringIO(), io.StringIO()), dry_run=True, **options)
    assert api.looked == [looked]


def test_nothing_left_is_said(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    monkeypatch.setattr(Api, "pods", lambda self, namespace: iter(()))
    out = io.StringIO()
    verb.cleanup(Agents(), Console(out, io.StringIO()), everywhere=True)
    assert out.getvalue() == "no agent pods in any namespace\n"


@pytest.mark.parametrize(("refused", "status"), [(["failed"], ExitStatus.INCOMPLETE), (["ended", "failed", "stuck", "kept"], ExitStatus.REFUSED)])
def test_one_that_cannot_be_deleted_does_not_spoil_the_others(
    monkeypatch: pytest.MonkeyPatch, api: Api, refused: list[str], status: ExitStatus
) -> None:
    deleted = Api.delete_pod

    def delete(self: Api, namespace: str, name: str, uid: str) -> None:
        if name.removeprefix("node-debugger-") in refused:
            raise RefusedError(f"may not delete {name}")
        deleted(self, namespace, name, uid)

    monkeypatch.setattr(Api, "delete_pod", delete)
    out, err = io.StringIO(), io.StringIO()
    assert verb.cleanup(Agents(), Console(out, err)) == status
    assert [name for _, name, _ in api.deleted] == [name for name in ("ended", "failed", "stuck", "kept") if name not in refused]
    assert out.getvalue().count("not deleted") == err.getvalue().count("may not delete") == len(refused)
