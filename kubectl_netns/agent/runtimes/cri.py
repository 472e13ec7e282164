"""The Kubernetes CRI: containerd, CRI-O and whatever else speaks it.

Field numbers are those of k8s.io/cri-api's api.proto, the same in v1 and v1alpha2 for all that is read here. containerd 1.5
and older know only v1alpha2, containerd 2 and CRI-O 1.26 and later only v1. The list tells each sandbox's state and pod; its PID
and its namespace's path come from containerd's own files where those agree with the list (`files.py`), else from the verbose
status, `info["info"]` → runtimeSpec.linux.namespaces. CRI-O without a pause container names no pid: then the path alone leads
to the namespace.
"""

from __future__ import annotations

import json
from typing import Any

from ...model import Pod, Sandbox, Warning
from ..place import Place
from . import files
from .base import BUDGET, Holder, NotSpoken, RuntimeUnavailable, one_spelling, timestamp, wanted
from .grpc import UNIMPLEMENTED, Channel, GrpcError
from .protobuf import Message, decode, encode, nested, nested_list, number, string, strings_map

SERVICES = ("/runtime.v1.RuntimeService/", "/runtime.v1alpha2.RuntimeService/")
STATES = {0: "ready", 1: "notready"}
NODE_NETWORK = 2  # NamespaceMode NODE
NOT_FOUND = 5


class Cri:
    """Implements base.Runtime for one CRI socket."""

    def __init__(self, place: Place, socket: str, budget: float = BUDGET) -> None:
        self._place = place
        self._socket = socket
        self._budget = budget

    def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
        found: list[Holder] = []
        try:
            with Channel(self._place.file(self._socket), self._budget) as channel:
                service, version = _version(channel)
                for item in nested_list(decode(channel.call(service + "ListPodSandbox", b"")), 1):
                    if wanted(_pod(item), pods) and (holder := self._holder(channel, service, item, version)):
                        found.append(holder)
        except (GrpcError, ValueError, OSError, RecursionError) as error:
            unspoken = isinstance(error, GrpcError) and error.status == UNIMPLEMENTED
            raise (NotSpoken if unspoken else RuntimeUnavailable)(f"CRI at {self._socket}: {error}", found) from error
        return found

    def _holder(self, channel: Channel, service: str, item: Message, version: Message) -> Holder | None:
        identifier = string(item, 1)
        noted = files.read(self._place, self._socket, identifier)
        if noted and noted.owner == (string(nested(item, 2), 2), identifier) and number(item, 3) == 0:
            return from_files(item, noted, version)
        try:
            reply = channel.call(service + "PodSandboxStatus", encode({1: identifier, 2: True}))
        except GrpcError as error:
            if error.status == NOT_FOUND:
                return None  # it went between the list and the look
            raise
        return to_holder(decode(reply), version, noted)


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


def _sandbox(item: Message, pid: int | None, version: Message) -> Sandbox:
    """Of a PodSandbox or a PodSandboxStatus, which number these fields alike."""
    return Sandbox(
        id=string(item, 1),
        runtime=string(version, 2) or None,
        state=STATES.get(number(item, 3), "unknown"),
        pid=pid,
        attempt=number(nested(item, 2), 4),
        created_at=timestamp(number(item, 4) / 1e9),
        source="cri",
        runtime_version=string(version, 3).removeprefix("v") or None,
    )


def from_files(item: Message, noted: files.Noted, version: Message) -> Holder:
    """A PodSandbox of the list, completed from containerd's files."""
    pod = _pod(item)
    host_network = noted.path is None
    return Holder(
        _sandbox(item, noted.pid, version), Pod(pod.namespace, pod.name, pod.uid, host_network=host_network), noted.path
    )


def to_holder(reply: Message, version: Message, noted: files.Noted | None = None) -> Holder:
    """A verbose PodSandboxStatusResponse → Holder. Raises ValueError when malformed. What the files say otherwise is told."""
    status = nested(reply, 1)
    info = _info(strings_map(reply, 2))
    pid = info.get("pid")
    pid = pid if type(pid) is int and pid > 0 else None
    host_network = number(nested(nested(nested(status, 6), 1), 2), 1) == NODE_NETWORK
    path = None if host_network else _network_path(info)
    pod = _pod(status)
    warnings: tuple[Warning, ...] = ()
    if noted and pid and (noted.pid, noted.path) != (pid, path):
        message = f"the runtime's files say PID {noted.pid} and {noted.path}, the runtime itself says PID {pid} and {path}"
        warnings = (Warning("runtime-files-differ", message),)
    return Holder(
        _sandbox(status, pid, version),
        Pod(pod.namespace, pod.name, pod.uid, host_network=host_network),
        path,
        warnings=warnings,
    )


def _info(texts: dict[str, str]) -> dict[str, Any]:
    """The verbose part, which is a runtime's own affair: {} where it is missing (Kata on containerd 2)."""
    info = json.loads(texts.get("info") or "{}")
    return info if isinstance(info, dict) else {}


def _network_path(info: dict[str, Any]) -> str | None:
    spec = info.get("runtimeSpec")
    namespace = files.network(spec) if isinstance(spec, dict) else None
    path = namespace.get("path") if namespace else None
    return one_spelling(path) if isinstance(path, str) and path else None
