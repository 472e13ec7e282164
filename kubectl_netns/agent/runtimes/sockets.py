"""Which runtimes to ask: what the kubelet was told, in its arguments or its configuration, then where distributions put sockets.

k3s, RKE2, k0s and MicroK8s run the kubelet inside a server of their own, without arguments to read: there the known places
count. cri-dockerd's own socket answers nothing of what is wanted (no verbose status), so Docker is asked behind its back.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from .. import processes
from ..place import Place
from .base import Runtime

DOCKER = "/run/docker.sock"
CONTAINERD = (
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",  # k3s, RKE2
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
)
CRIO = ("/run/crio/crio.sock",)
KNOWN = {"containerd": CONTAINERD, "cri-o": CRIO}
SHIMS = ("cri-dockerd.sock", "dockershim.sock")
ENDPOINT, CONFIG, DOCKER_ENDPOINT = "--container-runtime-endpoint", "--config", "--docker-endpoint"
SETTING = re.compile(r"""^\s*["']?containerRuntimeEndpoint["']?\s*:\s*["']?([^"',\s]+)""", re.MULTILINE)
"""In a KubeletConfiguration, YAML or JSON alike: the agent has no YAML parser, and this key occurs once."""


def find(place: Place, runtime: str | None) -> list[Runtime]:
    """The runtimes to ask. `runtime` is what the API server says of the node (docker, containerd, cri-o); None: all there are.

    Where nobody told the kubelet's socket, all of the known ones are asked: beside a k3s there may be a Docker with a containerd
    of its own.
    """
    told = endpoint(place)
    docker = told is not None and told.endswith(SHIMS)
    found: list[Runtime] = []
    # each way to ask is imported where it is needed: the agent is compiled anew each time, so every line counts
    if runtime in (None, "docker") or docker:
        path = _docker_endpoint(place) or DOCKER
        if _is_socket(place, path):
            from .docker_engine import DockerEngine

            found.append(DockerEngine(place, path))
    if runtime != "docker" and not (docker and runtime):
        first = [told] if told and not docker and _is_socket(place, told) else []
        known = KNOWN.get(runtime or "", (*CONTAINERD, *CRIO))
        paths = first if first and runtime else [path for path in dict.fromkeys([*first, *known]) if _is_socket(place, path)]
        if paths:
            from .cri import Cri

            found += [Cri(place, path) for path in paths]
    return found


def endpoint(place: Place) -> str | None:
    """The socket that the kubelet was told to use; its arguments go before its file, as with the kubelet itself."""
    for pid, words in _running(place, "kubelet"):
        file = _value(words, CONFIG)
        if value := _value(words, ENDPOINT) or (_setting(place, pid, file) if file else None):
            return _path(value)
    return None


def _setting(place: Place, pid: int, file: str) -> str | None:
    """From the kubelet's file, read as the kubelet sees it: it may run in a container."""
    for path in (place.process(pid, "root") + file, place.file(file)):
        try:
            with open(path, encoding="utf-8", errors="replace") as config:
                if match := SETTING.search(config.read()):
                    return match[1]
        except OSError:
            continue
    return None


def _docker_endpoint(place: Place) -> str | None:
    for _, words in _running(place, "cri-dockerd"):
        if value := _value(words, DOCKER_ENDPOINT):
            return _path(value)
    return None


def _running(place: Place, name: str) -> Iterable[tuple[int, list[str]]]:
    return ((pid, processes.arguments(place, pid)) for pid in processes.pids(place) if processes.command(place, pid) == name)


def _value(words: list[str], flag: str) -> str | None:
    """Of `--flag=value` or `--flag value`; the last one counts."""
    found = None
    for word, following in zip(words, [*words[1:], ""]):
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found or None


def _path(value: str) -> str | None:
    """unix:///var/run/X, or the bare path of old, in one spelling; None for what is no Unix socket."""
    path = value.removeprefix("unix://")
    if not path.startswith("/"):
        return None
    return path.removeprefix("/var") if path.startswith("/var/run/") else path


def _is_socket(place: Place, path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(place.file(path)).st_mode)
    except OSError:
        return False
