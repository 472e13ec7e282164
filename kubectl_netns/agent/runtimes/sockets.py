"""Which runtimes to ask: what the kubelet was told, in its arguments or its configuration, then where distributions put sockets.

RKE2 and k0s run the kubelet itself; k3s and MicroK8s have it inside a server of their own: there the known places count. k3s
hides its arguments behind its process's title, since they may hold secrets (from 1.19 on; its pull request 2072). Of what it was
told only its file can be read, and unseen arguments go before that: a socket named there is asked besides the known ones, never
instead of them. Its --docker needs no reading: Docker has its own socket. cri-dockerd's own answers nothing of what is wanted (no
verbose status), so Docker is asked behind its back.
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
KEY, K3S_KEY = "containerRuntimeEndpoint", ENDPOINT.lstrip("-")
K3S, K3S_CONFIG = ("k3s-server", "k3s-agent"), "/etc/rancher/k3s/config.yaml"


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
        others = () if first and runtime else (*_k3s(place), *known)
        paths = [path for path in dict.fromkeys([*first, *others]) if _is_socket(place, path)]
        if paths:
            from .cri import Cri

            found += [Cri(place, path) for path in paths]
    return found


def endpoint(place: Place) -> str | None:
    """The socket that the kubelet was told to use; its arguments go before its file, as with the kubelet itself."""
    for pid, words in _running(place, "kubelet"):
        file = _value(words, CONFIG)
        if value := _value(words, ENDPOINT) or (_setting(place, pid, file, KEY) if file else None):
            return _path(value)
    return None


def _k3s(place: Place) -> list[str]:
    """The socket of a runtime that k3s was told to use instead of its own, as far as that can be seen."""
    found = []
    for pid, words in _running(place, *K3S):
        value = _value(words, ENDPOINT) or _setting(place, pid, _value(words, CONFIG) or K3S_CONFIG, K3S_KEY)
        path = _path(value) if value else None
        if path and not path.endswith(SHIMS):
            found.append(path)
    return found


def _setting(place: Place, pid: int, file: str, key: str) -> str | None:
    """From a process's file, read as the process sees it: it may run in a container.

    YAML or JSON alike: the agent has no YAML parser, and the key occurs once.
    """
    setting = re.compile(rf"""^\s*["']?{key}["']?\s*:\s*["']?([^"',\s]+)""", re.MULTILINE)
    for path in (place.process(pid, "root") + file, place.file(file)):
        try:
            with open(path, encoding="utf-8", errors="replace") as config:
                if match := setting.search(config.read()):
                    return match[1]
        except OSError:
            continue
    return None


def _docker_endpoint(place: Place) -> str | None:
    for _, words in _running(place, "cri-dockerd"):
        if value := _value(words, DOCKER_ENDPOINT):
            return _path(value)
    return None


def _running(place: Place, *names: str) -> Iterable[tuple[int, list[str]]]:
    return ((pid, processes.arguments(place, pid)) for pid in processes.pids(place) if processes.command(place, pid) in names)


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
