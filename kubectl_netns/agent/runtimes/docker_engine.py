"""Docker Engine, as dockershim and cri-dockerd use it, through the docker SDK. The only user of `docker`.

Labels say what a container is: io.kubernetes.docker.type=podsandbox is a pause container, `container` an application's,
none a plain one. NetworkSettings.SandboxID and SandboxKey are live only while it runs: an exited container keeps both, and
the path is then an empty plain file. Importing the SDK takes 0.1–0.3 s, so it happens only when a Docker socket is asked;
`client/bundle.py` sends it without its `__init__`, which would import all of it.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import Any

from ...model import Pod, Sandbox
from ..place import Place
from .base import BUDGET, Holder, RuntimeUnavailable, one_spelling, wanted

TYPE = "io.kubernetes.docker.type"
POD_LABELS = tuple(f"io.kubernetes.pod.{key}" for key in ("namespace", "name", "uid"))
SERVER = re.compile(r"Docker/(\S+)")
ATTEMPT = re.compile(r"_(\d+)$")  # dockershim names a pause container k8s_POD_NAME_NAMESPACE_UID_ATTEMPT


class DockerEngine:
    """Implements base.Runtime."""

    def __init__(self, place: Place, socket: str) -> None:
        self._url = "unix://" + place.file(socket)
        self._socket = socket

    def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
        import requests
        from docker.constants import DEFAULT_DOCKER_API_VERSION
        from docker.errors import DockerException

        found: list[Holder] = []
        deadline = time.monotonic() + BUDGET
        try:
            # dockerd tells its version and its API's in the headers of any answer; for /version, which the SDK asks for, it
            # starts two processes: 20 ms. Who does not tell them, as Podman in Docker's place, is asked for /version.
            with closing(self._client(DEFAULT_DOCKER_API_VERSION)) as client:
                told = client.get(f"{client.base_url}/_ping", timeout=BUDGET).headers
            server = SERVER.match(told.get("Server", ""))
            with closing(self._client(told.get("Api-Version", "auto"))) as client:
                version = server[1] if server else client.version()["Version"]
                for summary in self._summaries(client, pods):
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"it took longer than {BUDGET:.0f} s")
                    if holder := self._holder(client, summary, pods, version):
                        found.append(holder)
        except (DockerException, requests.RequestException, OSError, KeyError, TypeError, ValueError) as error:
            raise RuntimeUnavailable(f"Docker at {self._socket}: {error}", found) from error
        return found

    def _client(self, version: str) -> Any:
        from docker.api.client import APIClient

        return APIClient(base_url=self._url, timeout=BUDGET, version=version)

    @staticmethod
    def _summaries(client: Any, pods: tuple[Pod, ...] | None) -> list[dict[str, Any]]:
        """Summaries are cheap, inspecting is not: with a pod asked for, the daemon filters by label."""
        if pods is None:
            return list(client.containers(all=True))
        names = {pod.name for pod in pods}
        filters = [{"label": [f"{TYPE}=podsandbox", f"io.kubernetes.pod.name={name}"]} for name in sorted(names)]
        return [summary for one in filters for summary in client.containers(all=True, filters=one)]

    @staticmethod
    def _holder(
        client: Any, summary: dict[str, Any], pods: tuple[Pod, ...] | None, version: str
    ) -> Holder | None:
        from docker.errors import NotFound

        labels = summary.get("Labels") or {}
        pod = _pod(labels)
        if labels.get(TYPE) == "container" or (pod and not wanted(pod, pods)):
            return None
        try:
            return to_holder(client.inspect_container(summary["Id"]), version)
        except NotFound:
            return None  # it went between the list and the look


def _pod(labels: dict[str, str]) -> Pod | None:
    if TYPE not in labels or not all(label in labels for label in POD_LABELS):
        return None
    namespace, name, uid = (labels[label] for label in POD_LABELS)
    return Pod(namespace, name, uid)


def to_holder(details: dict[str, Any], version: str) -> Holder | None:
    """`docker inspect` of a pause or plain container → Holder; None for one that never had a namespace of its own."""
    config, state, network = details["Config"], details["State"], details["NetworkSettings"]
    pod = _pod(config.get("Labels") or {})
    name = details["Name"].lstrip("/")
    mode = details["HostConfig"]["NetworkMode"]
    host_network = mode == "host"
    running = bool(state["Running"]) and state["Pid"] > 0
    if pod is None and (host_network or mode.startswith("container:") or not running):
        return None
    attempt = ATTEMPT.search(name) if pod else None
    sandbox = Sandbox(
        id=details["Id"],
        runtime="docker",
        state="ready" if running else "notready",
        pid=state["Pid"] if running else None,
        attempt=int(attempt[1]) if attempt else None,
        created_at=details["Created"].split(".")[0].rstrip("Z") + "Z",
        source="docker",
        network_id=network.get("SandboxID") or None,
        runtime_version=version,
    )
    if pod:
        pod = Pod(pod.namespace, pod.name, pod.uid, host_network=host_network)
    key = network.get("SandboxKey")
    path = one_spelling(key) if key and running and not host_network else None
    return Holder(sandbox, pod, path, container=None if pod else name)
