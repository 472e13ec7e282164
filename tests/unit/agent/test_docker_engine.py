"""`docker inspect` in every state of a container's life, as sandboxes; and which containers of a daemon are inspected."""

from __future__ import annotations

import http.server
import socketserver
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import docker.errors
import pytest

from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes import docker_engine
from kubectl_netns.agent.runtimes.base import RuntimeUnavailable
from kubectl_netns.agent.runtimes.docker_engine import DockerEngine, to_holder
from kubectl_netns.model import Pod

from .cri_server import CriServer, Manner

UID = "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f"
ID, NETWORK = "3f1c" * 16, "26d4" * 16
KEY = "docker/netns/" + NETWORK[:12]
LABELS = {
    "io.kubernetes.docker.type": "podsandbox", "io.kubernetes.container.name": "POD", "annotation.x": "y",
    "io.kubernetes.pod.name": "web-6d5f", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": UID,
}  # fmt: skip
RUNNING = {"Status": "running", "Running": True, "Paused": False, "Restarting": False, "Dead": False, "Pid": 4711}
PAUSED = {**RUNNING, "Status": "paused", "Paused": True}
RESTARTING = {**RUNNING, "Status": "restarting", "Restarting": True, "Pid": 0}
EXITED = {**RUNNING, "Status": "exited", "Running": False, "Pid": 0}
CREATED = {**EXITED, "Status": "created"}
LIVE = {"SandboxID": NETWORK, "SandboxKey": "/var/run/" + KEY}
NONE = {"SandboxID": "", "SandboxKey": ""}
HOST = {"SandboxID": NETWORK, "SandboxKey": "/var/run/docker/netns/default"}


def inspected(
    state: dict[str, Any] = RUNNING, network: dict[str, str] = LIVE, mode: str = "none", *, labels: Any = LABELS,
    name: str = f"/k8s_POD_web-6d5f_shop_{UID}_0", created: str = "2026-01-01T00:00:00.123456789Z",
) -> dict[str, Any]:
    """The part of the API's ContainerJSON that matters, of a CNI pod's pause container."""
    return {
        "Id": ID, "Created": created, "Path": "/pause", "Name": name, "State": state,
        "Config": {"Image": "registry.k8s.io/pause:3.6", "Labels": labels},
        "HostConfig": {"NetworkMode": mode, "IpcMode": "shareable"},
        "NetworkSettings": {"Bridge": "", "Ports": {}, "Networks": {"none": {}}, **network},
    }  # fmt: skip


def dockershim(attempt: str) -> str:
    return f"/k8s_POD_web-6d5f_shop_{UID}_{attempt}"


PODS = {  # details → state, pid, path, network id, host network, attempt
    "running": (inspected(), ("ready", 4711, "/run/" + KEY, NETWORK, False, 0)),
    "paused": (inspected(PAUSED), ("ready", 4711, "/run/" + KEY, NETWORK, False, 0)),
    "exited-with-stale-key": (inspected(EXITED), ("notready", None, None, NETWORK, False, 0)),
    "restarting": (inspected(RESTARTING), ("notready", None, None, NETWORK, False, 0)),
    "created-never-started": (inspected(CREATED, NONE), ("notready", None, None, None, False, 0)),
    "host-network": (inspected(RUNNING, HOST, "host"), ("ready", 4711, None, NETWORK, True, 0)),
    "host-network-exited": (inspected(EXITED, HOST, "host"), ("notready", None, None, NETWORK, True, 0)),
    "third-attempt": (inspected(name=dockershim("3")), ("ready", 4711, "/run/" + KEY, NETWORK, False, 3)),
    "tenth-attempt": (inspected(name=dockershim("10")), ("ready", 4711, "/run/" + KEY, NETWORK, False, 10)),
    "name-without-attempt": (inspected(name="/renamed"), ("ready", 4711, "/run/" + KEY, NETWORK, False, None)),
    "docker-bridge": (inspected(mode="bridge"), ("ready", 4711, "/run/" + KEY, NETWORK, False, 0)),
    "key-in-run": (inspected(network={**LIVE, "SandboxKey": "/run/" + KEY}), ("ready", 4711, "/run/" + KEY, NETWORK, False, 0)),
    "key-elsewhere": (inspected(network={**LIVE, "SandboxKey": "/data/netns/x"}),
                      ("ready", 4711, "/data/netns/x", NETWORK, False, 0)),
    "no-key": (inspected(network={}), ("ready", 4711, None, None, False, 0)),
}  # fmt: skip


@pytest.mark.parametrize(("details", "expected"), PODS.values(), ids=PODS.keys())
def test_a_pause_container_is_its_pods_sandbox(details: dict[str, Any], expected: tuple[Any, ...]) -> None:
    holder = to_holder(details, "20.10.24")
    assert holder
    sandbox, host_network = holder.sandbox, expected[4]
    assert (holder.pod, holder.container) == (Pod("shop", "web-6d5f", UID, host_network=host_network), None)
    assert (sandbox.state, sandbox.pid, holder.path, sandbox.network_id) == expected[:4]
    assert sandbox.attempt == expected[5]
    assert (sandbox.id, sandbox.runtime, sandbox.runtime_version, sandbox.source) == (ID, "docker", "20.10.24", "docker")
    assert sandbox.created_at == "2026-01-01T00:00:00Z"


def plain(state: dict[str, Any] = RUNNING, network: dict[str, str] = LIVE, mode: str = "default", **more: Any) -> dict[str, Any]:
    return inspected(state, network, mode, **{"name": "/my_db_1", "labels": {"com.example": "1"}, **more})


@pytest.mark.parametrize(
    "details",
    [plain(), plain(mode="my-network"), plain(mode="none"), plain(labels={}), plain(labels=None), plain(PAUSED)],
    ids=["bridge", "own-network", "none", "no-labels", "labels-null", "paused"],
)
def test_a_plain_container_has_its_own_namespace(details: dict[str, Any]) -> None:
    holder = to_holder(details, "20.10.24")
    assert holder
    assert (holder.pod, holder.container, holder.path) == (None, "my_db_1", "/run/" + KEY)
    assert (holder.sandbox.state, holder.sandbox.pid, holder.sandbox.attempt) == ("ready", 4711, None)


@pytest.mark.parametrize(
    "details",
    [plain(RUNNING, HOST, "host"), plain(RUNNING, NONE, f"container:{ID}"), plain(EXITED), plain(CREATED, NONE),
     plain(RESTARTING)],
    ids=["host-network", "another-containers", "exited", "created", "restarting"],
)  # fmt: skip
def test_a_plain_container_without_one_is_left_out(details: dict[str, Any]) -> None:
    assert to_holder(details, "20.10.24") is None


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_creation_is_told_in_whole_seconds(created: str, expected: str) -> None:
    holder = to_holder(inspected(created=created), "20.10.24")
    assert holder and holder.sandbox.created_at == expected


class Daemon:
    """Stands in for docker.api.client.APIClient: five containers, one of which goes when it is looked at."""

    base_url = "http+docker://localhost"

    def __init__(self) -> None:
        application = {**LABELS, "io.kubernetes.docker.type": "container", "io.kubernetes.container.name": "nginx"}
        other = {**LABELS, "io.kubernetes.pod.name": "db-0", "io.kubernetes.pod.uid": "u2"}
        self._labels: dict[str, dict[str, str] | None] = {
            "pause": LABELS, "application": application, "other": other, "gone": LABELS, "plain": None,
        }  # fmt: skip
        self.inspections: list[str] = []
        self.closed = False

    def get(self, url: str, timeout: float) -> Any:
        """`_ping` of Docker 20.10.24: the headers that tell versions, as recorded."""
        assert url == "http+docker://localhost/_ping"
        return SimpleNamespace(headers={"Api-Version": "1.41", "Server": "Docker/20.10.24+dfsg1 (linux)"})

    def containers(self, all: bool, filters: dict[str, list[str]] | None = None) -> list[dict[str, Any]]:
        assert all, "stopped ones count too"
        wanted = [tuple(label.split("=")) for label in (filters or {"label": []})["label"]]
        return [{"Id": name, "Labels": labels} for name, labels in self._labels.items()
                if set(wanted) <= (labels or {}).items()]  # fmt: skip

    def inspect_container(self, name: str) -> dict[str, Any]:
        self.inspections.append(name)
        if name == "gone":
            raise docker.errors.NotFound("no such container")
        return {**inspected(labels=self._labels[name], name="/" + name), "Id": name}

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("pods", "inspections", "found"),
    [
        (None, ["pause", "other", "gone", "plain"], ["pause", "other", "plain"]),
        ((Pod("shop", "web-6d5f", UID),), ["pause", "gone"], ["pause"]),
        ((Pod("", "db-0", None),), ["other"], ["other"]),
        ((Pod("else", "db-0", None),), [], []),
        ((Pod("shop", "web-6d5f", None), Pod("shop", "db-0", None)), ["other", "pause", "gone"], ["other", "pause"]),
        ((), [], []),
    ],
)
def test_only_what_is_wanted_is_inspected(
    monkeypatch: pytest.MonkeyPatch, pods: tuple[Pod, ...] | None, inspections: list[str], found: list[str]
) -> None:
    daemon = Daemon()
    versions: list[str] = []
    monkeypatch.setattr("docker.api.client.APIClient", lambda version, **_: (versions.append(version), daemon)[1])
    holders = DockerEngine(Place(), "/s").holders(pods)
    assert versions[-1] == "1.41" and {holder.sandbox.runtime_version for holder in holders} <= {"20.10.24+dfsg1"}
    assert ([holder.sandbox.id for holder in holders], daemon.inspections) == (found, inspections)
    assert daemon.closed


@pytest.mark.parametrize(
    "answer",
    [b"\0" * 64 + b"\r\n", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{bad"],
    ids=["zeroes", "500", "a-list", "no-version", "bad-json"],
)  # fmt: skip
def test_a_senseless_daemon_is_unavailable(tmp_path: Path, answer: bytes) -> None:
    with CriServer(tmp_path / "s", {}, Manner(instead=answer)), pytest.raises(RuntimeUnavailable, match="Docker at /s: "):
        DockerEngine(Place(root=str(tmp_path)), "/s").holders(None)


def test_no_daemon_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match="Docker at /s: "):
        DockerEngine(Place(root=str(tmp_path)), "/s").holders(None)


def test_a_strangers_label_spoils_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon()
    daemon._labels["plain"] = {"io.kubernetes.docker.type": "podsandbox"}
    monkeypatch.setattr("docker.api.client.APIClient", lambda **_: daemon)
    assert [holder.sandbox.id for holder in DockerEngine(Place(), "/s").holders(None)][:2] == ["pause", "other"]


def test_a_slow_daemon_costs_its_budget_and_tells_what_it_could(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Daemon):
        def inspect_container(self, name: str) -> dict[str, Any]:
            time.sleep(0.3)
            return super().inspect_container(name)

    daemon = Slow()
    monkeypatch.setattr("docker.api.client.APIClient", lambda **_: daemon)
    monkeypatch.setattr(docker_engine, "BUDGET", 0.2)
    with pytest.raises(RuntimeUnavailable, match="took longer") as caught:
        DockerEngine(Place(), "/s").holders(None)
    assert [holder.sandbox.id for holder in caught.value.partial] == ["pause"] and daemon.closed


class Podman(http.server.BaseHTTPRequestHandler):
    """Podman's Docker-compatible service, by its documentation: `Server: Libpod/…`; older ones send no Api-Version."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = b'{"Version": "4.3.1", "ApiVersion": "1.41"}' if self.path.endswith("/version") else b"[]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        return "Libpod/4.3.1 (linux)"

    def address_string(self) -> str:
        return "a Unix socket"

    def log_message(self, *_words: object) -> None:
        pass


def test_who_does_not_tell_versions_in_headers_is_asked_for_them(tmp_path: Path) -> None:
    with socketserver.UnixStreamServer(str(tmp_path / "s"), Podman) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert DockerEngine(Place(root=str(tmp_path)), "/s").holders(None) == []
        server.shutdown()
    assert Podman.asked[:2] == ["/_ping", "/version"] and Podman.asked[-1].startswith("/v1.41/containers/json")
