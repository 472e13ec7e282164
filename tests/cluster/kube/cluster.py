"""The whole cluster: up, down, what it is. Read this first."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import control_plane, images, kubernetes_build, network, packages, processes
from .control_plane import kubeconfig
from .node import Node, remove_cgroups
from .places import CACHE, DATA, IMAGES, STATE, Trouble
from .processes import run

NODES = (Node("node-docker", "docker", 1), Node("node-containerd", "containerd", 2))


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up: how to reach it as who, what images its nodes have, and the nodes themselves."""

    kubeconfig: Path
    operator_kubeconfig: Path
    guest_kubeconfig: Path
    image: str
    busybox: str
    nodes: tuple[Node, ...]

    def exports(self) -> str:
        return f"export KUBECONFIG={self.kubeconfig}\nexport KUBECTL_NETNS_IMAGE={self.image}"


def load() -> Cluster | None:
    """The cluster, None when it is not up."""
    if not all(healthy for _, healthy in pieces()):
        return None
    return _facts()


def _facts() -> Cluster:
    configs = (kubeconfig(user) for user in ("admin", "operator", "guest"))
    return Cluster(*configs, IMAGES["python"], IMAGES["busybox"], NODES)


def build() -> None:
    packages.check_machine()
    packages.install()
    kubernetes_build.build()
    images.build()


def up() -> Cluster:
    """Idempotent: what runs is left alone, a kubelet that is missing is started, and both nodes are waited for.

    What a crash, a reboot or the end of somebody's session has left is no cluster to go on with: pods of another time would
    be listed in it. It is taken down first.
    """
    with _alone():
        build()
        if DATA.exists() and not all(processes.running(name) for name in _core()):
            _down()
        return _up()


@contextmanager
def _alone() -> Iterator[None]:
    """One who starts or ends the cluster at a time; a second waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(CACHE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _up() -> Cluster:
    for folder in (STATE, DATA):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
    network.bridge_up()
    with ThreadPoolExecutor() as pool:
        # the runtimes load their images while the API server starts; the kubelets wait for it by themselves
        started = [pool.submit(control_plane.up)]
        processes.wait("kubeconfigs", lambda: kubeconfig("guest").exists(), 20, "kube-apiserver")
        started += [pool.submit(node.up) for node in NODES]
        for one in started:
            one.result()
    for node in NODES:
        processes.wait(f"{node.name} to be Ready", lambda node=node: ready(node), 60, f"{node.name}-kubelet")  # type: ignore[misc]
    return _facts()


def down() -> None:
    with _alone():
        _down()


def _down() -> None:
    """Also after a crash: everything is found by its record or by its name, and what is not there is passed over."""
    for node in NODES:
        node.down()
    control_plane.down()
    network.down()
    remove_cgroups()
    _unmount()
    for folder in (STATE, DATA):
        shutil.rmtree(folder, ignore_errors=True)
    if STATE.exists() or DATA.exists():
        time.sleep(1)
        for folder in (STATE, DATA):
            shutil.rmtree(folder)


def _unmount() -> None:
    """The nodes' mounts are private to them; whatever of ours the machine itself has mounted goes as well."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        place = line.split()[4]
        if place.startswith((f"{STATE}/", f"{DATA}/")):
            run("umount", "-l", place, check=False)


def ready(node: Node) -> bool:
    """Ready, by a heartbeat of this kubelet's: a node that was Ready before a crash says so for ever."""
    reply = run("kubectl", f"--kubeconfig={kubeconfig('admin')}", "--request-timeout=5s", "get", "node", node.name, "-o", "json",
                check=False)  # fmt: skip
    if reply.returncode:
        return False
    conditions = {one["type"]: one["status"] for one in json.loads(reply.stdout)["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and processes.running(f"{node.name}-kubelet") is not None


def pieces() -> list[tuple[str, bool]]:
    """Each piece, and whether it is healthy."""
    names = [*_core(), *(f"{node.name}-kubelet" for node in NODES)]
    found = [(name, processes.running(name) is not None) for name in names]
    if all(healthy for _, healthy in found):
        found.append(("API server answers", control_plane.healthy()))
        found += [(f"{node.name} is Ready", ready(node)) for node in NODES]
    return found


def _core() -> list[str]:
    """The processes without which there is nothing to go on with."""
    return ["etcd", "kube-apiserver", *(f"{node.name}-{part}" for node in NODES for part in ("init", "runtime"))]


def ask_for_help() -> Trouble:
    return Trouble("the cluster is not up: `make cluster-up` starts it")
