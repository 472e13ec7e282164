"""What CRI runtimes reply, by api.proto's field numbers, as sandboxes; and how a whole socket is asked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes import files
from kubectl_netns.agent.runtimes.base import Holder, NotSpoken, RuntimeUnavailable, timestamp, wanted
from kubectl_netns.agent.runtimes.cri import Cri, to_holder
from kubectl_netns.agent.runtimes.protobuf import decode
from kubectl_netns.model import Pod

from .cri_server import INTERNAL, NOT_FOUND, CriServer, Manner, Replies, Reply, message

UID = "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f"
ID, OTHER = "3f1c" * 16, "abcd" * 16
CNI = "/run/netns/cni-26d4bfd1-fdf6-8229-37cd-fbccc1cd416b"
VERSION = message((1, "0.1.0"), (2, "containerd"), (3, "v1.6.20~ds1"), (4, "v1"))
CREATED = 1_767_225_600_123_456_789
READY, NOT_READY = 0, 1
POD_NETWORK, CONTAINER_NETWORK, NODE_NETWORK = 0, 1, 2


def metadata(name: str = "web-6d5f", uid: str = UID, attempt: int = 0) -> bytes:
    return message((1, name), (2, uid), (3, "shop"), *([(4, attempt)] if attempt else []))


def status(
    info: str | None, *, sandbox: str = ID, state: int = READY, attempt: int = 0, mode: int = POD_NETWORK, name: str = "web-6d5f"
) -> bytes:
    """A PodSandboxStatusResponse as proto3 sends it: zeroes are left out."""
    linux = message((1, message((2, message(*([(1, mode)] if mode else []))))))
    body = message(
        (1, sandbox), (2, metadata(name, attempt=attempt)), *([(3, state)] if state else []), (4, CREATED),
        (5, message((1, "10.244.2.14"), (2, message((1, "fd00::e"))))), (6, linux),
    )  # fmt: skip
    return message((1, body), *([] if info is None else [(2, message((1, "info"), (2, info)))]))


def spec(path: str | None) -> dict[str, Any]:
    """runtimeSpec of an OCI bundle; a host-network sandbox has no network namespace of its own there."""
    others = [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]
    network = [] if path is None else [{"type": "network", "path": path}]
    return {"ociVersion": "1.0.2", "linux": {"namespaces": others + network, "sysctl": {}}}


def containerd(path: str | None = CNI, pid: int = 4711, closed: bool = False) -> str:
    return json.dumps({
        "pid": pid, "processStatus": "running" if pid else "deleted", "netNamespaceClosed": closed,
        "image": "registry.k8s.io/pause:3.6", "snapshotter": "overlayfs", "runtimeSpec": spec(path),
        "cniResult": {"Interfaces": {"eth0": {"IPConfigs": [{"IP": "10.244.2.14", "Gateway": "10.244.2.1"}]}}},
    })  # fmt: skip


SHAPES = {  # reply → state, pid, path, host network, attempt
    "containerd-1.6": (status(containerd()), ("ready", 4711, CNI, False, 0)),
    "containerd-third-attempt": (status(containerd(), attempt=3), ("ready", 4711, CNI, False, 3)),
    "containerd-stopped": (status(containerd(pid=0, closed=True), state=NOT_READY), ("notready", None, CNI, False, 0)),
    "containerd-host-network": (status(containerd(None), mode=NODE_NETWORK), ("ready", 4711, None, True, 0)),
    "containerd-var-run": (status(containerd("/var" + CNI)), ("ready", 4711, CNI, False, 0)),
    "cri-o-with-pause": (status(json.dumps({"pid": 99, "image": "pause", "runtimeSpec": spec(CNI)})),
                         ("ready", 99, CNI, False, 0)),
    "cri-o-without-pause": (status(json.dumps({"runtimeSpec": spec(CNI)})), ("ready", None, CNI, False, 0)),
    "cri-o-dropped-pause": (status(json.dumps({"pid": -1, "runtimeSpec": spec(CNI)})), ("ready", None, CNI, False, 0)),
    "host-network-that-names-a-path": (status(containerd("/proc/1/ns/net"), mode=NODE_NETWORK), ("ready", 4711, None, True, 0)),
    "kata-empty-info": (status(""), ("ready", None, None, False, 0)),
    "kata-no-info": (status(None), ("ready", None, None, False, 0)),
    "info-is-empty": (status("{}"), ("ready", None, None, False, 0)),
    "info-is-a-list": (status("[1]"), ("ready", None, None, False, 0)),
    "info-is-null": (status("null"), ("ready", None, None, False, 0)),
    "spec-is-null": (status('{"pid": 5, "runtimeSpec": null}'), ("ready", 5, None, False, 0)),
    "linux-is-null": (status('{"pid": 5, "runtimeSpec": {"linux": null}}'), ("ready", 5, None, False, 0)),
    "namespaces-are-null": (status('{"pid": 5, "runtimeSpec": {"linux": {"namespaces": null}}}'), ("ready", 5, None, False, 0)),
    "path-is-empty": (status(containerd("")), ("ready", 4711, None, False, 0)),
    "pid-is-a-string": (status('{"pid": "5"}'), ("ready", None, None, False, 0)),
    "unknown-state": (status(containerd(), state=7), ("unknown", 4711, CNI, False, 0)),
    "another-containers-network": (status(containerd(), mode=CONTAINER_NETWORK), ("ready", 4711, CNI, False, 0)),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_a_status_is_a_holder(reply: bytes, expected: tuple[str, int | None, str | None, bool, int]) -> None:
    holder = to_holder(decode(reply), decode(VERSION))
    sandbox = holder.sandbox
    assert holder.pod == Pod("shop", "web-6d5f", UID, host_network=expected[3])
    assert (sandbox.state, sandbox.pid, holder.path, sandbox.attempt) == (*expected[:3], expected[4])
    assert (sandbox.id, sandbox.runtime, sandbox.runtime_version) == (ID, "containerd", "1.6.20~ds1")
    assert (sandbox.created_at, sandbox.source, sandbox.network_id) == ("2026-01-01T00:00:00Z", "cri", None)
    assert holder.container is None


MALFORMED = {
    "info-no-json": status("{pid: 4711"),
    "status-no-message": message((1, b"\xff")),
    "status-a-number": message((1, 5)),
    "id-a-number": message((1, message((1, 5)))),
    "state-a-string": message((1, message((1, ID), (3, "ready")))),
    "metadata-cut": message((1, message((1, ID), (2, b"\x0a\x7fabc")))),
    "info-a-number": message((1, message((1, ID))), (2, 7)),
}


@pytest.mark.parametrize("reply", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_status_is_a_valueerror(reply: bytes) -> None:
    with pytest.raises(ValueError):
        to_holder(decode(reply), decode(VERSION))


@pytest.mark.parametrize("namespaces", ['["network"]', '{"type": "network"}', "[null]", "7"])
def test_namespaces_of_another_shape_are_passed_over_or_refused(namespaces: str) -> None:
    try:
        assert to_holder(decode(status('{"runtimeSpec": {"linux": {"namespaces": %s}}}' % namespaces)), {}).path is None
    except ValueError:
        pass


def test_true_is_no_pid() -> None:
    assert to_holder(decode(status('{"pid": true}')), {}).sandbox.pid is None


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda data: message((1, data))))
def test_arbitrary_replies_are_holders_or_refused(data: bytes) -> None:
    try:
        to_holder(decode(data), {})
    except ValueError:
        pass


V1, V1ALPHA2 = "/runtime.v1.RuntimeService/", "/runtime.v1alpha2.RuntimeService/"
LISTED = message((1, message((1, ID), (2, metadata()), (4, CREATED))), (1, message((1, OTHER), (2, metadata("db-0", "u2")))))


def looked_at(request: bytes) -> Reply:
    """PodSandboxStatus: the sandbox that is asked for, verbose."""
    assert request[-2:] == b"\x10\x01"
    name = {ID: "web-6d5f", OTHER: "db-0"}[request[2:-2].decode()]
    return 0, status(containerd(), sandbox=request[2:-2].decode(), name=name)


def runtime(service: str = V1, **changes: Any) -> Replies:
    replies: Replies = {"Version": (0, VERSION), "ListPodSandbox": (0, LISTED), "PodSandboxStatus": looked_at, **changes}
    return {service + method: reply for method, reply in replies.items()}


def asked(
    tmp_path: Path, server: CriServer, pods: tuple[Pod, ...] | None = None, budget: float = 5.0
) -> tuple[list[Holder], list[str]]:
    with server:
        holders = Cri(Place(root=str(tmp_path)), "/s", budget).holders(pods)
    return holders, [method for method, _ in server.calls]


@pytest.mark.parametrize(
    ("service", "tried"), [(V1, [V1 + "Version"]), (V1ALPHA2, [V1 + "Version", V1ALPHA2 + "Version"])], ids=["v1", "v1alpha2"]
)
def test_the_newest_service_is_asked(tmp_path: Path, service: str, tried: list[str]) -> None:
    holders, calls = asked(tmp_path, CriServer(tmp_path / "s", runtime(service)))
    assert [holder.sandbox.id for holder in holders] == [ID, OTHER]
    assert calls == [*tried, service + "ListPodSandbox", service + "PodSandboxStatus", service + "PodSandboxStatus"]


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        ((Pod("shop", "web-6d5f", UID),), [ID]),
        ((Pod("shop", "db-0", None),), [OTHER]),
        ((Pod("shop", "db-0", None), Pod("", "web-6d5f", None)), [ID, OTHER]),
        ((Pod("shop", "web-6d5f", "another-uid"),), []),
        ((), []),
    ],
)
def test_only_the_pods_that_are_wanted_are_looked_at(tmp_path: Path, pods: tuple[Pod, ...], found: list[str]) -> None:
    holders, calls = asked(tmp_path, CriServer(tmp_path / "s", runtime()), pods)
    assert [holder.sandbox.id for holder in holders] == found
    assert calls.count(V1 + "PodSandboxStatus") == len(found)


def test_a_sandbox_that_went_meanwhile_is_left_out(tmp_path: Path) -> None:
    def some(request: bytes) -> Reply:
        return (NOT_FOUND, b"sandbox not found") if OTHER.encode() in request else looked_at(request)

    holders, _ = asked(tmp_path, CriServer(tmp_path / "s", runtime(PodSandboxStatus=some)))
    assert [holder.sandbox.id for holder in holders] == [ID]


def test_no_sandboxes(tmp_path: Path) -> None:
    assert asked(tmp_path, CriServer(tmp_path / "s", runtime(ListPodSandbox=(0, b""))))[0] == []


TROUBLE = {
    "version-fails": (runtime(Version=(INTERNAL, b"broken")), Manner(), "broken"),
    "list-fails": (runtime(ListPodSandbox=(INTERNAL, b"broken")), Manner(), "broken"),
    "status-fails": (runtime(PodSandboxStatus=(INTERNAL, b"broken")), Manner(), "broken"),
    "list-malformed": (runtime(ListPodSandbox=(0, b"\xff")), Manner(), "protobuf"),
    "status-malformed": (runtime(PodSandboxStatus=(0, b"\xff")), Manner(), "protobuf"),
    "info-malformed": (runtime(PodSandboxStatus=(0, status("{"))), Manner(), "Expecting"),
    "compressed": (runtime(), Manner(compressed=True), "not one whole message"),
    "garbage": (runtime(), Manner(instead=b"\0" * 64), "no sensible answer"),
    "closing": (runtime(), Manner(closing=True), "no sensible answer"),
    "silent": (runtime(), Manner(silent=True), "timed out"),
}


@pytest.mark.parametrize(("replies", "manner", "text"), TROUBLE.values(), ids=TROUBLE.keys())
def test_trouble_makes_a_runtime_unavailable(tmp_path: Path, replies: Replies, manner: Manner, text: str) -> None:
    with pytest.raises(RuntimeUnavailable, match=f"CRI at /s: .*{text}") as raised:
        asked(tmp_path, CriServer(tmp_path / "s", replies, manner), budget=0.3 if manner.silent else 5.0)
    assert not isinstance(raised.value, NotSpoken)


def test_what_was_told_before_the_trouble_is_kept(tmp_path: Path) -> None:
    def some(request: bytes) -> Reply:
        return (INTERNAL, b"broken") if OTHER.encode() in request else looked_at(request)

    with pytest.raises(RuntimeUnavailable) as raised:
        asked(tmp_path, CriServer(tmp_path / "s", runtime(PodSandboxStatus=some)))
    assert [holder.sandbox.id for holder in raised.value.partial] == [ID]


def test_a_slow_runtime_costs_its_budget_and_no_more(tmp_path: Path) -> None:
    """Each call is quick enough, all together are not."""

    def slow(request: bytes) -> Reply:
        time.sleep(0.4)
        return looked_at(request)

    begun = time.monotonic()
    with pytest.raises(RuntimeUnavailable) as raised:
        asked(tmp_path, CriServer(tmp_path / "s", runtime(PodSandboxStatus=slow)), budget=0.6)
    assert time.monotonic() - begun < 3 and len(raised.value.partial) == 1


BOTH = {**runtime(V1), **runtime(V1ALPHA2)}
SANDBOX_METADATA = json.dumps({**json.loads(containerd()), "sandboxMetadata": {"Metadata": {"ID": ID}}})
SERVED = {  # as the runtime's source has it: containerd internal/cri/server/podsandbox, CRI-O server/sandbox_status.go
    "containerd 1.5": (runtime(V1ALPHA2), V1ALPHA2, 4711, CNI),
    "containerd 1.7": (BOTH, V1, 4711, CNI),
    "containerd 2.x": (runtime(V1, PodSandboxStatus=(0, status(SANDBOX_METADATA))), V1, 4711, CNI),
    "CRI-O 1.20": (runtime(V1ALPHA2, PodSandboxStatus=(0, status(json.dumps({"pid": 99, "runtimeSpec": spec("/var" + CNI)})))),
                   V1ALPHA2, 99, CNI),
    "CRI-O 1.30": (runtime(V1, PodSandboxStatus=(0, status(json.dumps({"runtimeSpec": spec("/var/run/netns/8d7b")})))),
                   V1, None, "/run/netns/8d7b"),
    "Kata": (runtime(V1, PodSandboxStatus=(0, status(None))), V1, None, None),
    "cri-dockerd": (runtime(V1, PodSandboxStatus=(0, status(""))), V1, None, None),
}  # fmt: skip


@pytest.mark.parametrize(("replies", "service", "pid", "path"), SERVED.values(), ids=SERVED.keys())
def test_every_runtime_is_understood(tmp_path: Path, replies: Replies, service: str, pid: int | None, path: str | None) -> None:
    holders, calls = asked(tmp_path, CriServer(tmp_path / "s", replies), (Pod("shop", "web-6d5f", UID),))
    ((sandbox, found),) = [(holder.sandbox, holder.path) for holder in holders]
    assert (sandbox.id, sandbox.pid, found, sandbox.state) == (ID, pid, path, "ready")
    assert calls[-1] == service + "PodSandboxStatus"


def note(tmp_path: Path, pid: str = "4711", uid: str = UID, sandbox: str = ID, path: str | None = CNI, **more: str) -> None:
    """containerd's files of a sandbox, in its state directory beside the socket."""
    folder = tmp_path / "io.containerd.runtime.v2.task/k8s.io" / ID
    folder.mkdir(parents=True)
    annotations = {"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": sandbox,
                   "io.kubernetes.cri.sandbox-uid": uid, **more}  # fmt: skip
    (folder / "config.json").write_text(json.dumps({**spec(path), "annotations": annotations}))
    (folder / "init.pid").write_text(pid)


ONLY_WEB = (Pod("shop", "web-6d5f", UID),)


@pytest.mark.parametrize("path", [CNI, None])
def test_files_that_agree_spare_the_question(tmp_path: Path, path: str | None) -> None:
    mode = NODE_NETWORK if path is None else POD_NETWORK
    server = CriServer(tmp_path / "s", runtime(PodSandboxStatus=(0, status(containerd(path), mode=mode))))
    by_asking, _ = asked(tmp_path, server, ONLY_WEB)
    (tmp_path / "s").unlink()
    note(tmp_path, path=path)
    by_files, calls = asked(tmp_path, CriServer(tmp_path / "s", runtime()), ONLY_WEB)
    assert by_files == by_asking
    assert calls == [V1 + "Version", V1 + "ListPodSandbox"]


@pytest.mark.parametrize("wrong", [
    {"uid": "another"}, {"sandbox": OTHER}, {"pid": "0"}, {"pid": "-4"}, {"pid": ""}, {"pid": "x"}, {"path": ""},
    {"io.kubernetes.cri.container-type": "container"},
], ids=str)  # fmt: skip
def test_files_that_do_not_agree_are_not_believed(tmp_path: Path, wrong: dict[str, str]) -> None:
    note(tmp_path, **wrong)
    holders, calls = asked(tmp_path, CriServer(tmp_path / "s", runtime()), ONLY_WEB)
    assert (holders[0].sandbox.pid, holders[0].path, calls[-1]) == (4711, CNI, V1 + "PodSandboxStatus")


def test_files_of_a_sandbox_that_is_not_ready_are_not_believed(tmp_path: Path) -> None:
    """They may lie there still, with the PID of a process that has ended."""
    note(tmp_path)
    listed = message((1, message((1, ID), (2, metadata()), (3, NOT_READY), (4, CREATED))))
    replies = runtime(ListPodSandbox=(0, listed), PodSandboxStatus=(0, status(containerd(pid=0, closed=True), state=NOT_READY)))
    holders, calls = asked(tmp_path, CriServer(tmp_path / "s", replies), ONLY_WEB)
    assert (holders[0].sandbox.state, holders[0].sandbox.pid, calls[-1]) == ("notready", None, V1 + "PodSandboxStatus")


@pytest.mark.parametrize("identifier", [f"../k8s.io/{ID}", f"./{ID}", f"{ID}/", "", "."])
def test_an_identifier_that_is_a_path_reads_no_files(tmp_path: Path, identifier: str) -> None:
    """A runtime may say anything; its words do not lead to other files."""
    note(tmp_path)
    assert files.read(Place(root=str(tmp_path)), "/s", ID) is not None
    assert files.read(Place(root=str(tmp_path)), "/s", identifier) is None


def test_files_of_another_pod_s_process_are_told(tmp_path: Path) -> None:
    note(tmp_path, uid="another", pid="12")
    holders, _ = asked(tmp_path, CriServer(tmp_path / "s", runtime()), ONLY_WEB)
    assert [warning.code for warning in holders[0].warnings] == ["runtime-files-differ"]


@pytest.mark.parametrize("text", ["", "[]", "null", '{"annotations": 1}', "[" * 100000, '{"annotations": {}}'])
def test_files_that_make_no_sense_are_passed_over(tmp_path: Path, text: str) -> None:
    note(tmp_path)
    (tmp_path / "io.containerd.runtime.v2.task/k8s.io" / ID / "config.json").write_text(text)
    holders, _ = asked(tmp_path, CriServer(tmp_path / "s", runtime()), ONLY_WEB)
    assert holders[0].sandbox.pid == 4711


def test_a_socket_without_a_cri_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotSpoken, match="CRI at /s: it speaks neither CRI v1 nor v1alpha2"):
        asked(tmp_path, CriServer(tmp_path / "s"))


def test_a_missing_socket_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match="CRI at /s: No such file"):
        Cri(Place(root=str(tmp_path)), "/s").holders(None)


@pytest.mark.parametrize(
    ("asked_for", "expected"),
    [
        (None, True),
        ((), False),
        ((Pod("shop", "web", UID),), True),
        ((Pod("else", "else", UID),), True),
        ((Pod("shop", "web", None),), True),
        ((Pod("", "web", None),), True),
        ((Pod("else", "web", None),), False),
        ((Pod("shop", "web", "11111111-2222-3333-4444-555555555555"),), False),
    ],
)
def test_whether_a_pod_is_wanted(asked_for: tuple[Pod, ...] | None, expected: bool) -> None:
    assert wanted(Pod("shop", "web", UID), asked_for) is expected


def test_a_static_pod_is_wanted_by_its_name() -> None:
    assert wanted(Pod("kube-system", "etcd-a", UID.replace("-", "")), (Pod("kube-system", "etcd-a", UID),))


@pytest.mark.parametrize(("seconds", "text"), [(0, "1970-01-01T00:00:00Z"), (1_767_225_600.999, "2026-01-01T00:00:00Z")])
def test_timestamps_are_utc(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text
