"""Answer a question about this node: find its namespaces, visit them, and join what runtimes, processes and the kernel say.

The runtimes say who, the kernel says what. A namespace is known by (device, inode); every path is checked against that after
it was opened. Where two sources disagree the kernel is believed and a warning says so. What vanished meanwhile is no error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from ..model import Answer, Namespace, NetworkNamespace, Pod, Question, Sandbox, Warning
from ..tables import Process
from . import peers, processes
from .enter import Key, in_own_thread
from .place import Place
from .runtimes import sockets
from .runtimes.base import Holder, NotSpoken, Runtime, RuntimeUnavailable
from .visit import Visit, Visitor, visit_all

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass
class Found:
    """A namespace while its facts are being gathered. `path` is as the node sees it, `way` as we do."""

    key: Key
    path: str
    way: str
    pids: list[int] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)
    warnings: list[Warning] = field(default_factory=list)


def survey(place: Place, question: Question, runtimes: list[Runtime] | None = None) -> Answer:
    """The node's answer. Raises OSError when not even the host's own namespace can be read (no rights)."""
    warnings: list[Warning] = []
    if runtimes is None:
        runtimes = sockets.find(place, question.runtime)
        if question.runtime and not runtimes:
            message = f"no socket of {question.runtime} was found: sandboxes are inferred from cgroups"
            warnings.append(Warning("runtime-unavailable", message))
    holders = ask(runtimes, question, warnings)
    return in_own_thread(lambda: _survey(place, question, holders, warnings))


def ask(runtimes: Iterable[Runtime], question: Question, warnings: list[Warning]) -> list[Holder]:
    holders: list[Holder] = []
    for runtime in runtimes:
        try:
            holders += runtime.holders(question.pods)
        except RuntimeUnavailable as error:
            # a machine that was not said to run a CRI may well have a containerd without one
            if question.runtime or not isinstance(error, NotSpoken):
                warnings.append(Warning("runtime-unavailable", str(error)))
    return holders


def _survey(place: Place, question: Question, holders: list[Holder], warnings: list[Warning]) -> Answer:
    with ExitStack() as stack:
        host_way = host_namespace(place, warnings)
        visitor = Visitor(host_way, stack)
        host = visitor.host()
        found = find(place, host.key, holders)
        if question.pods is not None:
            found = select(place, found, question.pods)
        ways = {key: one.way for key, one in found.items() if key != host.key}
        answers = visit_all(visitor, ways.values())
        visits = {key: visit for key, way in ways.items() if isinstance(visit := answers[way], Visit) and visit.key == key}
        if _points_to_unknown(host, visits.values()):
            host = visitor.host()  # a pod that started since the host's links were read has its end there by now
        joined = peers.join(host, list(visits.values()), lambda a, b: visitor.number(ways[a], ways[b]))
    visits[host.key] = host
    order = sorted(
        (key for key in found if key in visits), key=lambda key: (key != host.key, found[key].pids[:1] or [1 << 31], key)
    )
    described = (describe(place, found[key], replace(visits[key], interfaces=joined[key]), host.key) for key in order)
    return Answer(platform(), tuple(_per_pod(described, question)), tuple(warnings))


def host_namespace(place: Place, warnings: list[Warning]) -> str:
    """PID 1 is in the node's own namespace. Where it has capabilities that we lack, it may not be looked at: then ours counts."""
    way = place.process(1, "ns", "net")
    if os.access(way, os.R_OK):
        return way
    message = "PID 1's namespace may not be read: the one that this process runs in is taken for the host's"
    warnings.append(Warning("host-assumed", message))
    return os.path.join(place.proc, "self", "ns", "net")


def _points_to_unknown(host: Visit, visits: Iterable[Visit]) -> bool:
    indexes = {interface.index for interface in host.interfaces}
    return any(
        interface.link_nsid is not None and interface.link_nsid == visit.host_nsid and interface.link_index not in indexes
        for visit in visits
        for interface in visit.interfaces
    )


def find(place: Place, host: Key, holders: list[Holder]) -> dict[Key, Found]:
    """Every namespace that a process, a bind mount or a runtime's sandbox holds, the host's own among them."""
    found: dict[Key, Found] = {}
    for key, pids in processes.by_namespace(place).items():
        path = f"/proc/{pids[0]}/ns/net"
        found[key] = Found(key, path, place.process(pids[0], "ns", "net"), pids)
    for mount in processes.mounts(place):
        key = (host[0], mount.inode)
        one = found.setdefault(key, Found(key, mount.path, place.file(mount.path)))
        one.mounts.append(mount.path)
        if len(one.mounts) == 1 and key != host:
            one.path, one.way = mount.path, place.file(mount.path)
    for holder in holders:
        attach(place, host, found, holder)
    return found


def attach(place: Place, host: Key, found: dict[Key, Found], holder: Holder) -> None:
    """Add a runtime's sandbox to the namespace that it is in: by its path, and by its pid, which must agree."""
    if holder.pod and holder.pod.host_network:
        found[host].holders.append(holder)
        return
    pid = holder.sandbox.pid
    by_pid = _key(place.process(pid, "ns", "net")) if pid else None
    by_path = _key(place.file(holder.path)) if holder.path else None
    if by_path and by_path[0] != host[0]:
        by_path = None  # an empty plain file: a name whose namespace is not mounted there
    key = by_pid or by_path
    if key is None or (key not in found and by_path is None):
        return
    one = found.setdefault(key, Found(key, holder.path or "", place.file(holder.path or "")))
    one.holders.append(holder)
    if holder.path and by_path == key:
        one.path, one.way = holder.path, place.file(holder.path)
    elif holder.path:
        message = f"{holder.path} is not the namespace of sandbox {holder.sandbox.id[:12]}: its pause process is in {key[1]}"
        one.warnings.append(Warning("path-mismatch", message))


def _key(path: str) -> Key | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


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


def describe(place: Place, one: Found, visit: Visit, host: Key) -> list[NetworkNamespace]:
    """The namespace's facts; on the host, one item for each host-network pod that is asked for by `_per_pod`."""
    warnings = [*one.warnings, *unconfirmed(visit)]
    namespace = Namespace(
        inode=one.key[1],
        device=one.key[0],
        path=one.path,
        nsid=visit.nsid,
        held_by=tuple(word for word, held in (("process", one.pids), ("mount", one.mounts)) if held),
    )
    holder = newest(one.holders, warnings) if one.key != host else None
    sandbox, pod = (holder.sandbox, holder.pod) if holder else inferred(place, one, host)
    container = holder.container if holder else None
    item = NetworkNamespace(
        node=None,
        namespace=namespace,
        role=role(one, host, pod, container or (sandbox.id[:12] if sandbox else None)),
        pod=pod,
        sandbox=sandbox,
        verdict=verdict(one.key == host, sandbox),
        interfaces=visit.interfaces,
        warnings=tuple(warnings),
        container=container,
        process=Process(one.pids[0], processes.command(place, one.pids[0]) or "?") if one.pids else None,
        platform=platform(),
    )
    return [item, *(replace(item, pod=other.pod, sandbox=other.sandbox) for other in one.holders if one.key == host)]


def _per_pod(described: Iterable[list[NetworkNamespace]], question: Question) -> Iterable[NetworkNamespace]:
    """In a whole node's list the host's namespace stands once; asked for pods, it stands once for each of them."""
    for items in described:
        if question.pods is None or items[0].role != "host":
            yield items[0]
        else:
            yield from items[1:]


def newest(holders: list[Holder], warnings: list[Warning]) -> Holder | None:
    """The ready sandbox of the newest attempt. Others in the same namespace are told."""
    if not holders:
        return None
    ranked = sorted(holders, key=lambda h: (h.sandbox.state == "ready", h.sandbox.attempt or 0, h.sandbox.created_at or ""))
    if len(ranked) > 1:
        others = ", ".join(f"{holder.sandbox.id[:12]} ({holder.sandbox.state})" for holder in ranked[:-1])
        warnings.append(Warning("other-sandboxes", f"other sandboxes share this namespace: {others}"))
    return ranked[-1]


def inferred(place: Place, one: Found, host: Key) -> tuple[Sandbox | None, Pod | None]:
    """What the cgroup of the namespace's first process says, where no runtime says anything."""
    if one.key == host or not one.pids:
        return None, None
    owner = processes.cgroup_owner(place, one.pids[0])
    if owner.container_id is None:
        return None, None
    sandbox = Sandbox(owner.container_id, None, "unknown", one.pids[0], None, None, "cgroup")
    return sandbox, Pod("", "", owner.pod_uid) if owner.pod_uid else None


def role(one: Found, host: Key, pod: Pod | None, container: str | None) -> str:
    if one.key == host:
        return "host"
    if pod or container:
        return "pod" if pod else "container"
    return "named" if any(path.startswith(("/run/netns/", "/var/run/netns/")) for path in one.mounts) else "unknown"


def verdict(is_host: bool, sandbox: Sandbox | None) -> str:
    if is_host or (sandbox and sandbox.state == "ready"):
        return "owned"
    return "orphan" if sandbox and sandbox.state == "notready" else "unknown"


def unconfirmed(visit: Visit) -> list[Warning]:
    return [
        Warning("peer-unconfirmed", f"{interface.name}: nothing on the host points back from index {interface.peer.index}")
        for interface in visit.interfaces
        if interface.peer and interface.peer.on_host and interface.peer.name is None
    ]


def platform() -> str:
    """As Kubernetes writes it: linux/amd64."""
    machine = os.uname().machine
    return f"linux/{MACHINES.get(machine, machine)}"
