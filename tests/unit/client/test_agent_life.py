"""The agent pod's life against a kubectl that is a script and an API server from memory: made, followed, adopted, deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_netns import __version__
from kubectl_netns.client import agent_pod
from kubectl_netns.client.agent_pod import CONTAINER, PYTHON, WAITER, AgentPod, Spec, started_by
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.errors import KubectlError, NetnsError, NodeError, RefusedError
from tests.soon import soon

NAME, NONCE = "node-debugger-a-x1y2z", "cafe" * 8
MADE = f"echo 'Creating debugging pod {NAME} with container {CONTAINER} on node a.'"
SPEC = Spec("example/python:3", "ns", 5.0)
RUNNING = {"phase": "Running", "startTime": "t", "containerStatuses": [{"state": {"running": {"startedAt": "t"}}}]}
CREATING = {"phase": "Pending", "startTime": "t", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}


def pod(nonce: str = NONCE, uid: str = "uid", status: dict[str, Any] | None = None, keep: str = "300") -> dict[str, Any]:
    notes = {"kubectl-netns/started-by": started_by(), "kubectl-netns/version": __version__, "kubectl-netns/keep": keep}
    container = {"name": CONTAINER, "image": SPEC.image, "securityContext": {"privileged": True},
                 "command": [*PYTHON, WAITER.read_text(), nonce, "900", keep]}  # fmt: skip
    return {"metadata": {"name": NAME, "uid": uid, "annotations": notes}, "status": status or RUNNING,
            "spec": {"hostPID": True, "hostNetwork": True, "containers": [container]}}  # fmt: skip


@dataclass
class Api:
    """`watches` are the pod's statuses, one list a watch; `listed` what a list gives; `does` what was changed."""

    watches: list[list[dict[str, Any]]] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    does: list[tuple[Any, ...]] = field(default_factory=list)
    refused: tuple[str, ...] = ()

    def watch_pod(self, namespace: str, name: str, seconds: float) -> Iterator[dict[str, Any]]:
        assert (namespace, name) == ("ns", NAME)
        for status in self.watches.pop(0) if self.watches else []:
            yield pod(status=status)
        time.sleep(min(seconds, 0.2))

    def pods(self, namespace: str | None, **selectors: str) -> Iterator[dict[str, Any]]:
        assert namespace == "ns" and selectors["fieldSelector"].startswith("spec.nodeName=a")
        if "list" in self.refused:
            raise RefusedError("no")
        return iter(self.listed)

    def patch_pod(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        if "patch" in self.refused:
            raise RefusedError("no")
        self.does.append(("patch", namespace, name, body))

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        if "delete" in self.refused:
            raise RefusedError("no")
        self.does.append(("delete", namespace, name, uid))


Make = Callable[..., AgentPod]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(api: Api, script: str = MADE, spec: Spec = SPEC, node: str = "a") -> AgentPod:
        program = tmp_path / "kubectl"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\n{script}\n')
        program.chmod(0o755)
        return AgentPod(cast(Cluster, api), Kubectl(str(program), Connection()), node, spec, NONCE)

    return made


def quiet(text: str) -> None:
    pass


def started(make: Make, api: Api, spec: Spec = SPEC) -> AgentPod:
    one = make(api, spec=spec)
    one.create(quiet)
    one.wait(quiet)
    return one


def test_it_is_made_marked_and_deleted_once(make: Make, tmp_path: Path) -> None:
    api = Api([[{"phase": "Pending"}, CREATING, RUNNING]])
    one = started(make, api)
    words = (tmp_path / "words").read_text()
    assert words.startswith("debug\nnode/a\n--profile=sysadmin\n") and "--namespace=ns\n" in words
    assert f"\n--container={CONTAINER}\n" in words and "\n--\npython3\n-B\n-c\n" in words
    assert words.endswith(f"\n{NONCE}\n900\n30\n")
    one.close()
    one.close()
    (_, namespace, name, body), deleted = api.does
    assert (namespace, name, body["metadata"]["uid"], body["spec"]) == ("ns", NAME, "uid", {"activeDeadlineSeconds": 900})
    assert "kubectl-netns/keep" not in body["metadata"]["annotations"]
    assert deleted == ("delete", "ns", NAME, "uid")


def test_one_that_was_never_made_is_not_deleted(make: Make) -> None:
    api = Api(listed=[pod()])
    make(api).close()
    assert api.does == []


def test_after_its_end_none_is_made(make: Make, tmp_path: Path) -> None:
    one = make(Api())
    one.close()
    with pytest.raises(NetnsError, match="interrupted"):
        one.create(quiet)
    assert not (tmp_path / "words").exists()


def test_a_deletion_that_was_refused_is_told_and_tried_again(make: Make) -> None:
    api = Api([[RUNNING]], refused=("delete",))
    one = started(make, api)
    with pytest.raises(RefusedError):
        one.close()
    api.refused = ()
    one.close()
    assert api.does[-1] == ("delete", "ns", NAME, "uid")


def test_interrupted_while_kubectl_makes_it_the_one_with_our_nonce_is_deleted(make: Make) -> None:
    """kubectl has not said a name yet: others' pods on the node, and others' agents, are left alone."""
    foreign = pod("beef" * 8, "theirs")
    debugger = {**foreign, "spec": {"containers": [{"name": "debugger", "command": [NONCE]}]}}
    api = Api(listed=[foreign, debugger, pod(uid="ours")])
    one = make(api, "sleep 0.7")

    def create() -> None:
        with pytest.raises(KubectlError):
            one.create(quiet)

    worker = threading.Thread(target=create)
    worker.start()
    time.sleep(0.3)
    begun = time.monotonic()
    one.close()
    worker.join()
    assert 0.1 < time.monotonic() - begun < 5, "the request that is on the way was not waited for"
    assert api.does == [("delete", "ns", NAME, "ours")]


def test_a_kubectl_that_never_ends_is_ended(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_pod, "CREATE_GRACE", 0.3)
    api = Api()
    one = make(api, "exec sleep 60", replace(SPEC, timeout=1.0))
    with pytest.raises(KubectlError, match="did not end within 1 s"):
        one.create(quiet)
    one.close()
    assert vars(one)["_creating"].returncode == -9


@pytest.mark.parametrize(("script", "kind", "said"), [
    ("echo 'error: unknown profile: sysadmin' >&2; exit 1", KubectlError, "too old"),
    ("echo 'something else'", KubectlError, "did not say which pod"),
    (f"{MADE}; echo 'Error from server (Forbidden): no' >&2; exit 1", RefusedError, "refused the agent pod"),
])  # fmt: skip
def test_what_kubectl_complains_of_is_told(make: Make, script: str, kind: type[NetnsError], said: str) -> None:
    with pytest.raises(kind, match=said):
        make(Api(), script).create(quiet)


def test_a_kubelet_that_does_nothing_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_pod, "KUBELET_SILENT", 0.5)
    begun = time.monotonic()
    with pytest.raises(NodeError, match="does not answer"):
        started(make, Api([[{"phase": "Pending"}]] * 9))
    assert time.monotonic() - begun < 3


def test_a_long_pull_is_no_silent_kubelet(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet took the pod on, and says nothing for longer than a silent one is given: it pulls the image."""
    monkeypatch.setattr(agent_pod, "KUBELET_SILENT", 0.3)
    started(make, Api([[CREATING], [], [], [], [RUNNING]]))


def test_one_that_does_not_start_in_time(make: Make) -> None:
    with pytest.raises(NodeError, match="did not start on a within 1 s"):
        started(make, Api([[CREATING]] * 20), replace(SPEC, timeout=1.0))


def pulling(reason: str) -> dict[str, Any]:
    return {"phase": "Pending", "startTime": "t", "containerStatuses": [{"state": {"waiting": {"reason": reason}}}]}


@pytest.mark.parametrize(("statuses", "fails"), [
    (["ErrImagePull"], False), (["ErrImagePull", "ErrImagePull"], True), (["ErrImagePull", "ImagePullBackOff"], True), (["InvalidImageName"], True),
])  # fmt: skip
def test_a_pull_that_failed_once_may_succeed(make: Make, statuses: list[str], fails: bool) -> None:
    api = Api([[*(pulling(reason) for reason in statuses), RUNNING]])
    if fails:
        with pytest.raises(NodeError, match="cannot be pulled"):
            started(make, api)
    else:
        started(make, api)


KEPT = replace(SPEC, keep=300.0)


@pytest.mark.parametrize(("spec", "refused", "stays"), [(KEPT, (), True), (KEPT, ("patch",), False), (SPEC, (), False)])
def test_only_one_that_can_be_found_again_is_kept(make: Make, spec: Spec, refused: tuple[str, ...], stays: bool) -> None:
    api = Api([[RUNNING]], refused=refused)
    one = started(make, api, spec)
    one.keep()
    one.close()
    assert ("delete" in [what for what, *_ in api.does]) is not stays
    assert KEPT.lifetime == 86400


def kept_in(api: Api) -> list[str | None]:
    return [body["metadata"]["annotations"].get("kubectl-netns/keep") for what, _, _, body in api.does if what == "patch"]


def test_nobody_adopts_one_whose_first_command_has_not_ended(make: Make) -> None:
    """That command would delete it under theirs, were it to fail."""
    api = Api([[RUNNING]])
    one = started(make, api, KEPT)
    assert kept_in(api) == [None]
    one.keep()
    one.keep()
    assert kept_in(api) == [None, "300"] and [body["metadata"]["uid"] for *_, body in api.does] == ["uid", "uid"]


def test_one_that_cannot_be_told_to_be_kept_is_deleted(make: Make) -> None:
    api = Api([[RUNNING]])
    one = started(make, api, KEPT)
    api.refused = ("patch",)
    one.keep()
    one.close()
    assert api.does[-1][0] == "delete"


def test_all_that_a_node_does_shares_its_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("kubectl_netns.client.agent_pod.time.monotonic", lambda: clock[0])
    one = make(Api())
    whole = one.left()
    clock[0] += 3.0
    assert one.left() == whole - 3.0
    clock[0] += 1000.0
    assert one.left() == 0.0


def test_one_that_gave_no_answer_is_not_kept(make: Make) -> None:
    api = Api([[RUNNING]])
    started(make, api, KEPT).close()
    assert api.does[-1][0] == "delete"


def test_a_kept_one_is_adopted_and_left(make: Make) -> None:
    api = Api()
    one = make(api)
    one.adopt(pod("beef" * 8, keep="60"))
    assert one.nonce == "beef" * 8 and NAME in one.exec_command("true")
    one.keep()
    one.close()
    assert api.does == []


@pytest.mark.parametrize(("noted", "wanted", "told"), [("60", 300.0, ["300"]), ("300", 300.0, []), ("600", 300.0, []), ("long", 300.0, ["300"])])
def test_it_says_the_longest_time_that_it_was_to_be_kept(make: Make, noted: str, wanted: float, told: list[str]) -> None:
    api = Api()
    one = make(api, spec=replace(SPEC, keep=wanted))
    one.adopt(pod(keep=noted))
    one.keep()
    one.keep()
    one.close()
    assert kept_in(api) == told


def test_one_that_is_given_up_is_not_deleted_but_the_new_one_is(make: Make) -> None:
    api = Api([[RUNNING]])
    one = make(api)
    one.adopt(pod("beef" * 8))
    one.forget()
    assert one.nonce not in (NONCE, "beef" * 8)
    one.create(quiet)
    one.wait(quiet)
    one.close()
    assert [what for what, *_ in api.does] == ["patch", "delete"]


def test_it_says_while_it_is_in_use(make: Make) -> None:
    api = Api()
    one = make(api)
    one.adopt(pod())
    with pytest.raises(KeyboardInterrupt), one.in_use():
        soon(lambda: api.does, 5)
        raise KeyboardInterrupt
    first, second = [body["metadata"]["annotations"] for *_, body in api.does]
    (note,) = first
    assert note.startswith("kubectl-netns/exec-") and second == {note: None}
    assert (datetime.now(timezone.utc) - datetime.fromisoformat(first[note])).total_seconds() < 60
    with one.in_use():
        soon(lambda: len(api.does) == 3, 5)
    assert note not in api.does[2][3]["metadata"]["annotations"]


def test_where_it_may_not_say_so_it_is_used_all_the_same(make: Make) -> None:
    one = make(Api(refused=("patch",)))
    one.adopt(pod())
    with one.in_use():
        pass
