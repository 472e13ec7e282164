"""Which runtimes to ask: the kubelet's own argument first, then the places where distributions put their sockets."""

from __future__ import annotations

import os
import stat

from ..place import Place
from ..processes import arguments, command, pids
from .base import Runtime

DOCKER = "/run/docker.sock"
KNOWN = (
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",  # k3s, RKE2
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
)
ARGUMENT = "--container-runtime-endpoint"


def find(place: Place, runtime: str | None) -> list[Runtime]:
    """The runtimes to ask. `runtime` is what the API server says of the node; None: all that are there."""
    found: list[Runtime] = []
    # each way to ask is imported where it is needed: the agent is compiled anew each time, so every line counts
    if runtime in (None, "docker") and _is_socket(place, DOCKER):
        from .docker_engine import DockerEngine

        found.append(DockerEngine(place, DOCKER))
    if runtime != "docker":
        candidates = [path for path in dict.fromkeys([_kubelets(place), *KNOWN]) if path and _is_socket(place, path)]
        if candidates:
            from .cri import Cri

            found += [Cri(place, path) for path in candidates[: None if runtime is None else 1]]
    return found


def _kubelets(place: Place) -> str | None:
    for pid in pids(place):
        if command(place, pid) == "kubelet":
            words = arguments(place, pid)
            for word, following in zip(words, [*words[1:], ""]):
                if word.startswith(ARGUMENT):
                    value = word.partition("=")[2] or following
                    return value.removeprefix("unix://")
    return None


def _is_socket(place: Place, path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(place.file(path)).st_mode)
    except OSError:
        return False
