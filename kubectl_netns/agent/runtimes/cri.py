"""The Kubernetes CRI: containerd, CRI-O and whatever else speaks it.

Field numbers are those of k8s.io/cri-api's api.proto, the same in v1 and v1alpha2 for all that is read here. containerd 1.5
and older know only v1alpha2, containerd 2 and CRI-O 1.26 and later only v1. The namespace's path is in the verbose status,
`info["info"]` → runtimeSpec.linux.namespaces; a sandbox without one there has the node's own. CRI-O without a pause
container names no pid: then the path alone leads to the namespace.
"""

from __future__ import annotations

import json
from typing import Any

from ...model import Pod, Sandbox
from ..place import Place
from .base import Holder, NotSpoken, RuntimeUnavailable, timestamp, wanted
from .grpc import UNIMPLEMENTED, Channel, GrpcError
from .protobuf import Message, decode, encode, nested, nested_list, number, string, strings_map

SERVICES = ("/runtime.v1.RuntimeService/", "/runtime.v1alpha2.RuntimeService/")
STATES = {0: "ready", 1: "notready"}
NODE_NETWORK = 2  # NamespaceMode NODE


class Cri:
    """Implements base.Runtime for one CRI socket."""

    def __init__(self, place: Place, socket: str) -> None:
        self._path = place.file(socket)
        self._socket = socket

    def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
        try:
            with Channel(self._path) as channel:
                service, version = _version(channel)
                listed = decode(channel.call(service + "ListPodSandbox", b""))
                found = [(item, _pod(item)) for item in nested_list(listed, 1)]
                return [
                    holder
                    for item, pod in found
                    if wanted(pod, pods) and (holder := _holder(channel, service, string(item, 1), version))
                ]
        except (GrpcError, ValueError, OSError) as error:
            unspoken = isinstance(error, GrpcError) and error.status == UNIMPLEMENTED
            raise (NotSpoken if unspoken else RuntimeUnavailable)(f"CRI at {self._socket}: {error}") from error


def _version(channel: Channel) -> tuple[str, Message]:
    """The newest service that answers, and its VersionResponse."""
    for service in SERVICES:
        try:
            return service, decode(channel.call(service + "Version", b""))
        except GrpcError as error:
            if error.status != UNIMPLEMENTED:
                raise
    raise GrpcError("it speaks neither CRI v1 nor v1alpha2", UNIMPLEMENTED)


def _pod(item: Message) -> Pod:
    metadata = nested(item, 2)
    return Pod(string(metadata, 3), string(metadata, 1), string(metadata, 2))


def _holder(channel: Channel, service: str, sandbox_id: str, version: Message) -> Holder | None:
    try:
        reply = channel.call(service + "PodSandboxStatus", encode({1: sandbox_id, 2: True}))
    except GrpcError as error:
        if error.status == 5:  # NOT_FOUND: it went between the list and the look
            return None
        raise
    return to_holder(decode(reply), version)


def to_holder(reply: Message, version: Message) -> Holder:
    """A verbose PodSandboxStatusResponse → Holder. Raises ValueError when malformed."""
    status = nested(reply, 1)
    metadata = nested(status, 2)
    info = _info(strings_map(reply, 2))
    pid = info.get("pid")
    mode = number(nested(nested(nested(status, 6), 1), 2), 1)
    pod = _pod(status)
    sandbox = Sandbox(
        id=string(status, 1),
        runtime=string(version, 2) or None,
        state=STATES.get(number(status, 3), "unknown"),
        pid=pid if isinstance(pid, int) and pid > 0 else None,
        attempt=number(metadata, 4),
        created_at=timestamp(number(status, 4) / 1e9),
        source="cri",
        runtime_version=string(version, 3).removeprefix("v") or None,
    )
    pod = Pod(pod.namespace, pod.name, pod.uid, host_network=mode == NODE_NETWORK)
    return Holder(sandbox, pod, None if mode == NODE_NETWORK else _network_path(info))


def _info(texts: dict[str, str]) -> dict[str, Any]:
    """The verbose part, which is a runtime's own affair: {} where it is missing (Kata on containerd 2)."""
    info = json.loads(texts.get("info") or "{}")
    return info if isinstance(info, dict) else {}


def _network_path(info: dict[str, Any]) -> str | None:
    spec = info.get("runtimeSpec")
    linux = spec.get("linux") if isinstance(spec, dict) else None
    namespaces = linux.get("namespaces") if isinstance(linux, dict) else None
    for namespace in namespaces or []:
        if namespace.get("type") == "network" and namespace.get("path"):
            path = str(namespace["path"])
            return path.removeprefix("/var") if path.startswith("/var/run/") else path
    return None
