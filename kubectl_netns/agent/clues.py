"""Which of a node's namespaces somebody looks for: every reading of their word is held against all that was found.

Each kind has a function that says to which namespace it leads, and why (model.Match). Rules that are not evident:
- an interface, by name or by index, is one of the node's own; it stands for the namespace that its peer is in (a pod's veth);
  so does its MAC, but not its address, which the node itself answers to (a gateway's is on every veth of some CNIs);
- a pod on the node's network is found by its sandbox, its containers and its processes, and answered as when it is asked for;
- a container of a pod is known by the cgroup of a process in it, since no runtime is asked for more than sandboxes;
- a process is in one namespace, its threads may be in others: it is found in all of them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..model import Interface, Match, NetworkNamespace, Warning
from ..questions import Clue
from . import names, processes
from .enter import Key, key_at
from .holders import Found
from .place import Place
from .runtimes.base import Holder

DOCKER_FOLDER = "/run/docker/netns/"
DOCKER_NAME = 12  # digits of the SandboxID that its file is called by
IPV4_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291, 2.5.5.2
FOLDERS = tuple(f"{folder}/" for folder in names.FOLDERS)


class Known(NamedTuple):
    """What the survey found: its items, and what they were made from. `host` is the node's own namespace."""

    place: Place
    host: Key
    found: Mapping[Key, Found]
    items: Sequence[NetworkNamespace]


class Hit(NamedTuple):
    """A namespace and why: by its key, or as the item itself (a stale name has no key). `holder`: a pod on the host's."""

    match: Match
    key: Key | None = None
    item: NetworkNamespace | None = None
    holder: Holder | None = None


def select(
    known: Known, clues: Iterable[Clue], shared: Callable[[NetworkNamespace, Holder], NetworkNamespace]
) -> list[NetworkNamespace]:
    """The items to which a clue leads, in their order, each with its matches.

    `shared` makes of the host's item that of a pod on the node's network.
    """
    hits = [hit for clue in clues for hit in FINDERS[clue.kind](known, clue.value)]
    chosen: list[NetworkNamespace] = []
    for item in known.items:
        own = [hit for hit in hits if hit.item is item or (hit.key is not None and hit.key == _key(item))]
        holders: dict[str | None, Holder | None] = {hit.holder.sandbox.id if hit.holder else None: hit.holder for hit in own}
        for identifier, holder in holders.items():
            matches = [hit.match for hit in own if (hit.holder.sandbox.id if hit.holder else None) == identifier]
            owned = shared(item, holder) if holder else item
            chosen.append(owned._replace(found_by=tuple(dict.fromkeys(matches))))
    return chosen


def dead_ends(known: Known, clues: Iterable[Clue], told: Iterable[Holder]) -> Iterator[Warning]:
    """Why a clue leads nowhere: to a sandbox that a runtime still tells of, but that has no namespace; to a hidden process."""
    there = {holder.sandbox.id for _, holder in _holders(known)} | {item.sandbox.id for item in known.items if item.sandbox}
    kinds = {clue.kind: clue.value for clue in clues}
    for holder in told:
        one = holder.sandbox
        wanted = (one.id, kinds.get("sandbox")), (one.network_id, kinds.get("network"))
        meant = any(full and value and full.startswith(value) for full, value in wanted)
        if meant and one.state != "ready" and one.id not in there:
            message = f"sandbox {one.id[:12]} of {_owner(holder)} is {one.state} and has no namespace now"
            yield Warning("sandbox-without-namespace", message)
    if pid := kinds.get("pid"):
        try:
            os.stat(known.place.process(int(pid), "ns", "net"))
        except PermissionError:
            yield Warning("namespace-unreadable", f"the namespace of process {pid} may not be read")
        except OSError:
            pass  # nothing has this number, or a zombie


def _address(known: Known, value: str) -> Iterator[Hit]:
    wanted = packed(value)
    for item, interface in _interfaces(known):
        for address in interface.addresses:
            if packed(address.address) == wanted:
                yield Hit(Match("address", address.address, _at(known, item, interface)), item=item)


def _mac(known: Known, value: str) -> Iterator[Hit]:
    for item, interface in _interfaces(known):
        if interface.mac == value:
            if _key(item) == known.host:
                yield _beyond(known, item, interface, "mac", value, _named(interface))
            else:
                yield Hit(Match("mac", value, _named(interface)), item=item)


def _interface(known: Known, value: str) -> Iterator[Hit]:
    for item, interface in _interfaces(known):
        if _key(item) == known.host and value in (interface.name, *interface.altnames):
            also = f", also {value}," if value != interface.name else ""
            yield _beyond(known, item, interface, "interface", interface.name, f"index {interface.index}{also}")


def _ifindex(known: Known, value: str) -> Iterator[Hit]:
    for item, interface in _interfaces(known):
        if _key(item) == known.host and interface.index == int(value):
            yield _beyond(known, item, interface, "ifindex", value, interface.name)


def _inode(known: Known, value: str) -> Iterator[Hit]:
    return (Hit(Match("inode", value, None), item=item) for item in known.items if item.namespace.inode == int(value))


def _sandbox(known: Known, value: str) -> Iterator[Hit]:
    for key, holder in _holders(known):
        if holder.sandbox.id.startswith(value) and (holder.pod or holder.container is None):
            yield _of(known, key, holder, Match("sandbox", holder.sandbox.id, f"{holder.sandbox.state}, {_owner(holder)}"))
    for item in known.items:  # one whose pause process died is known from the cgroups of those that live on
        one, pod = item.sandbox, item.pod
        if one and pod and one.source != "cgroup" and one.id.startswith(value):
            yield Hit(Match("sandbox", one.id, f"{one.state}, {pod.namespace}/{pod.name}"), item=item)


def _container(known: Known, value: str) -> Iterator[Hit]:
    sandboxes: set[str] = set()
    for key, holder in _holders(known):
        sandboxes.add(holder.sandbox.id)
        if holder.pod is None and holder.sandbox.id.startswith(value):
            yield _of(known, key, holder, Match("container", holder.sandbox.id, holder.container))
    for key, one in known.found.items():
        seen = set(sandboxes)
        for pid in one.pids:
            identifier = processes.cgroup_owner(known.place, pid).container_id
            if identifier and identifier.startswith(value) and identifier not in seen:
                seen.add(identifier)
                yield _in_process(known, key, pid, Match("container", identifier, f"process {pid}, {_command(known, pid)}"))


def _network(known: Known, value: str) -> Iterator[Hit]:
    told: set[Key] = set()
    for key, holder in _holders(known):
        if holder.sandbox.network_id and holder.sandbox.network_id.startswith(value):
            told.add(key)
            yield _of(known, key, holder, Match("network", holder.sandbox.network_id, _owner(holder)))
    for item in known.items:  # where Docker says nothing, its file still has the ID's beginning for a name
        for path in _paths(item):
            name = path.removeprefix(DOCKER_FOLDER)
            if name != path and len(name) == DOCKER_NAME and value.startswith(name) and _key(item) not in told:
                yield Hit(Match("network", name, path), item=item)


def _pid(known: Known, value: str) -> Iterator[Hit]:
    """A number of /proc: a process, or one of its threads, which is not listed there and yet can be looked at."""
    pid = int(value)
    process = processes.thread_group(known.place, pid) or pid
    command = _command(known, process)
    own = key_at(known.place.process(pid, "ns", "net"))
    if own:
        yield _in_process(known, own, pid, Match("pid", value, command if process == pid else f"thread of {command} ({process})"))
    for thread in processes.threads(known.place, pid) if process == pid else []:
        key = key_at(known.place.process(pid, "task", str(thread), "ns", "net"))
        if key and key != own:
            yield _in_process(known, key, pid, Match("pid", value, f"thread {thread} of {command}"))


def _path(known: Known, value: str) -> Iterator[Hit]:
    """By what the file leads to, and by its name: the node may not see the mount itself, or there may be none any more."""
    target = names.resolve(known.place, value)
    inside = target.removeprefix("/proc/")
    way = os.path.join(known.place.proc, inside) if inside != target else known.place.file(target)
    key = key_at(way)
    for item in known.items:
        if (key and key == _key(item)) or value in _paths(item):
            yield Hit(Match("path", value, None if target == value else f"a link to {target}"), item=item)


def _name(known: Known, value: str) -> Iterator[Hit]:
    for item in known.items:
        for path in _paths(item):
            folder, _, name = path.rpartition("/")
            if name == value and f"{folder}/" in FOLDERS:
                yield Hit(Match("name", value, path), item=item)


FINDERS: dict[str, Callable[[Known, str], Iterator[Hit]]] = {
    "address": _address, "mac": _mac, "interface": _interface, "ifindex": _ifindex, "inode": _inode, "sandbox": _sandbox,
    "container": _container, "network": _network, "pid": _pid, "path": _path, "name": _name,
}  # fmt: skip


def packed(address: str) -> bytes:
    """An address for comparing: 16 bytes however it is spelled, an IPv4 one as IPv6 maps it. Raises OSError for what is none."""
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return IPV4_MAPPED + socket.inet_pton(socket.AF_INET, address)


def _interfaces(known: Known) -> Iterator[tuple[NetworkNamespace, Interface]]:
    return ((item, interface) for item in known.items for interface in item.interfaces)


def _holders(known: Known) -> Iterator[tuple[Key, Holder]]:
    return ((key, holder) for key, one in known.found.items() for holder in one.holders)


def _beyond(known: Known, item: NetworkNamespace, interface: Interface, kind: str, value: str, which: str) -> Hit:
    """For an interface of the host: the namespace that its peer is in; the host's own where it has none, or it was not seen."""
    peer = interface.peer
    if peer is None or peer.on_host:
        return Hit(Match(kind, value, f"{which} on the host"), item=item)
    key = known.host[0], peer.inode or 0
    if any(_key(one) == key for one in known.items):
        return Hit(Match(kind, value, f"{which} on the host, peer of {peer.name}"), key)
    return Hit(Match(kind, value, f"{which} on the host, peer not seen"), item=item)


def _of(known: Known, key: Key, holder: Holder, match: Match) -> Hit:
    return Hit(match, key, holder=holder if key == known.host and holder.pod else None)


def _in_process(known: Known, key: Key, pid: int, match: Match) -> Hit:
    """A process in the host's namespace may be of a pod that shares it."""
    if key != known.host or not (uid := processes.cgroup_owner(known.place, pid).pod_uid):
        return Hit(match, key)
    own = (holder for holder in known.found[key].holders if holder.pod and processes.bare(holder.pod.uid) == processes.bare(uid))
    return Hit(match, key, holder=next(own, None))


def _paths(item: NetworkNamespace) -> set[str]:
    """Its names as the node has them, also those whose mount only a daemon sees."""
    return {names.ELSEWHERE.sub("", path) for path in (*item.namespace.names, item.namespace.path or "")}


def _key(item: NetworkNamespace) -> Key:
    return item.namespace.device or 0, item.namespace.inode or 0


def _at(known: Known, item: NetworkNamespace, interface: Interface) -> str:
    return _named(interface) + (" on the host" if _key(item) == known.host else "")


def _named(interface: Interface) -> str:
    return f"{interface.name} ({interface.index})"


def _owner(holder: Holder) -> str:
    return f"{holder.pod.namespace}/{holder.pod.name}" if holder.pod else holder.container or "a container"


def _command(known: Known, pid: int) -> str:
    return processes.command(known.place, pid) or "?"
