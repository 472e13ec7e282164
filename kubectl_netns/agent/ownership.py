"""Whose a namespace is: what the runtimes and the cgroups say, joined with what was found, and the verdict with its reason."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from ..model import Pod, Sandbox, Warning
from . import processes
from .enter import Key, key_at
from .holders import Found
from .place import Place
from .runtimes.base import Holder

SANDBOX_NAME = re.compile(r"^((cni-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12})$")
"""As containerd (cni-UUID), CRI-O (UUID) and Docker (12 digits of the SandboxID) name the files of sandboxes' namespaces."""
NAMED = "/run/netns"


def attach(place: Place, host: Key, found: dict[Key, Found], holder: Holder) -> None:
    """Add a runtime's sandbox to the namespace that it is in: by its path, and by its pid, which must agree.

    That it is on the node's network shows in its pause process, or, where the runtime keeps none, in any other of the pod.
    """
    pid = holder.sandbox.pid
    by_pid = key_at(place.process(pid, "ns", "net")) if pid else None
    by_path = key_at(place.file(holder.path)) if holder.path else None
    if by_path and by_path[0] != host[0]:
        by_path = None  # an empty plain file: a name whose namespace is not mounted there
    if pid and by_pid and by_pid != by_path and processes.cgroup_owner(place, pid).container_id not in (None, holder.sandbox.id):
        by_pid = None  # the pause process has ended, and its number is another container's now
    if holder.pod and holder.pod.host_network:
        if by_pid is None or by_pid == host:
            seen = by_pid == host or _in_host(place, found[host], holder.pod)
            found[host].holders.append(holder._replace(seen=seen))
            return
        message = f"the runtime says that it uses the node's network, but its pause process is in net:[{by_pid[1]}]"
        holder = _warned(holder, "host-network-mismatch", message)
    key = by_pid or by_path
    if key is None or (key not in found and by_path is None):
        return
    one = found.setdefault(key, Found(key, holder.path or "", place.file(holder.path or "")))
    where = "the node's own" if key == host else f"net:[{key[1]}]"
    if holder.path and by_path == key:
        one.path, one.way = holder.path, place.file(holder.path)
    elif holder.path:
        message = f"{holder.path} is not the namespace of sandbox {holder.sandbox.id[:12]}: its pause process is in {where}"
        holder = _warned(holder, "path-mismatch", message)
    elif key == host:
        message = f"the runtime says that it has a network of its own, but its pause process is in {where}"
        holder = _warned(holder, "host-network-mismatch", message)
    one.holders.append(holder)


def _warned(holder: Holder, code: str, message: str) -> Holder:
    return holder._replace(warnings=(*holder.warnings, Warning(code, message)))


def _in_host(place: Place, host: Found, pod: Pod) -> bool:
    """Whether a process of the pod is in the host's namespace, as its cgroup says."""
    uid = processes.bare(pod.uid)
    return bool(uid) and any(processes.bare(processes.cgroup_owner(place, pid).pod_uid) == uid for pid in host.pids)


def select(place: Place, found: dict[Key, Found], pods: tuple[Pod, ...]) -> dict[Key, Found]:
    """Only the namespaces of these pods. A pod that no runtime tells of is looked for in the cgroups."""
    chosen = {key: one for key, one in found.items() if any(_holds(holder, pods) for holder in one.holders)}
    told = [holder.pod for one in chosen.values() for holder in one.holders if holder.pod]
    missing = {pod.uid for pod in pods if pod.uid and not any(pod.matches(other) for other in told)}
    for key, one in found.items():
        if missing and key not in chosen and one.pids and processes.cgroup_owner(place, one.pids[0]).pod_uid in missing:
            chosen[key] = one
    return chosen


def _holds(holder: Holder, pods: tuple[Pod, ...]) -> bool:
    return holder.pod is not None and any(pod.matches(holder.pod) for pod in pods)


def rank(sandbox: Sandbox) -> tuple[bool, int, str]:
    """Of several sandboxes of a pod the greatest is the one that counts: ready, of the newest attempt."""
    return sandbox.state == "ready", sandbox.attempt or 0, sandbox.created_at or ""


def others(holder: Holder, told: Iterable[Holder]) -> list[Warning]:
    """The pod's other sandboxes, wherever they are; that two are ready at once should not be."""
    if holder.pod is None:
        return []
    rest = sorted(
        (other.sandbox for other in told if other.pod and _same(other.pod, holder.pod) and other.sandbox.id != holder.sandbox.id),
        key=rank,
        reverse=True,
    )
    if not rest:
        return []
    words = ", ".join(f"{one.id[:12]} ({one.state}, attempt {one.attempt or 0})" for one in rest)
    if holder.sandbox.state == "ready" and rest[0].state == "ready":
        return [Warning("two-ready-sandboxes", f"the pod has more than one ready sandbox; besides this: {words}")]
    return [Warning("other-sandboxes", f"the pod has other sandboxes: {words}")]


def _same(one: Pod, other: Pod) -> bool:
    return (one.namespace, one.name, one.uid) == (other.namespace, other.name, other.uid)


def strangers(holder: Holder, here: Iterable[Holder]) -> list[Warning]:
    """Other owners that are said to be in the same namespace, which only containers of one pod share."""
    names = sorted({_name(other) for other in here} - {_name(holder)})
    return [Warning("shared-namespace", f"the runtime puts others into the same namespace: {', '.join(names)}")] if names else []


def _name(holder: Holder) -> str:
    return f"{holder.pod.namespace}/{holder.pod.name}" if holder.pod else str(holder.container)


def inferred(place: Place, one: Found, told: Iterable[Holder] = ()) -> tuple[Sandbox | None, Pod | None]:
    """What the cgroup of the namespace's first process says, where no runtime says that a sandbox is in it.

    The runtime may still know the pod, with a sandbox that is not ready: its pause process died, its containers live on.
    """
    owner = processes.cgroup_owner(place, one.pids[0]) if one.pids else None
    if owner is None or owner.container_id is None:
        return None, None
    same = [holder for holder in told if holder.pod and processes.bare(holder.pod.uid) == processes.bare(owner.pod_uid)]
    if dead := [holder for holder in same if holder.sandbox.state == "notready"]:
        last = max(dead, key=lambda holder: rank(holder.sandbox))
        return last.sandbox, last.pod
    sandbox = Sandbox(owner.container_id, None, "unknown", one.pids[0], None, None, "cgroup")
    return sandbox, Pod("", "", owner.pod_uid) if owner.pod_uid else None


def role(one: Found, host: Key, pod: Pod | None, sandbox: Sandbox | None) -> str:
    if one.key == host:
        return "host"
    if pod or sandbox:
        return "pod" if pod else "container"
    return "named" if any(path.startswith(f"{NAMED}/") for path in (*one.mounts, *one.links)) else "unknown"


def verdict(one: Found, host: Key, pod: Pod | None, sandbox: Sandbox | None, told: bool) -> tuple[str, str]:
    """The verdict and why. `told`: every runtime of the node could be asked, so that what none knows is nobody's."""
    if one.key == host:
        return "owned", "it is the node's own"
    if sandbox and sandbox.source != "cgroup":
        what = "sandbox" if pod else "container"
        if sandbox.state == "ready":
            return "owned", f"its {what} is ready"
        if sandbox.state == "notready":
            return "orphan", f"it is still held, but its {what} is not ready"
        return "unknown", f"the runtime does not say whether its {what} is ready"
    if pod:
        if told:
            return "orphan", "a process is still in it, but no runtime knows a sandbox in it"
        return "unknown", "no runtime could be asked; its pod is inferred from a process's cgroup"
    if sandbox:
        return "unknown", "a container is in it that no runtime tells of; its ID is inferred from a process's cgroup"
    names = [os.path.basename(path) for path in (*one.mounts, *one.links)]
    if any(SANDBOX_NAME.match(name) for name in names) and not one.pids:
        if told:
            return "orphan", "it is named as runtimes name the namespaces of sandboxes, but no sandbox has it"
        return "unknown", "it is named as runtimes name the namespaces of sandboxes, but no runtime could be asked"
    if names:
        return "owned", f"it has a name of its own, {names[0]}"
    return "unknown", f"no runtime knows it; it is held by a {' and a '.join(one.held_by()).replace('-', ' ')}"
