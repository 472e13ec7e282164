"""Everything that keeps a network namespace alive on this node, and a way into each.

Processes and the mounts of PID 1 are looked at always; threads that left their process's namespace, mounts in other mount
namespaces, open descriptors and sockets only when everything is asked for, since that means a look at every descriptor of the
node. Whatever may not be looked at, or goes away meanwhile, is passed over. Sources: proc(5), namespaces(7), pidfd_getfd(2),
SIOCGSKNS in linux/sockios.h (Linux 4.10; pidfd_getfd 5.6).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from . import processes
from .enter import Key, is_network, key_at, key_of
from .place import Place
from .runtimes.base import Holder

PIDFD_GETFD = 438  # the same number on every architecture
SIOCGSKNS = 0x894C
TUN = "/dev/net/tun"  # an open one has a socket in the namespace in which it was opened, and answers SIOCGSKNS

TRIED = 8
T = TypeVar("T")


class Found:
    """A namespace while its facts are being gathered. `path` is as the node sees it, `way` as we do.

    `pids` are in it; `threads`, `descriptors` and `sockets` are the PIDs of processes elsewhere that hold it so. `mounts` and
    `links` are paths of the node; `hidden` those of mounts that hold it, but that other mounts cover, so that they do not lead to
    it. Where nothing else holds it, `way` is empty.
    """

    def __init__(self, key: Key, path: str, way: str, pids: Iterable[int] = ()) -> None:
        self.key = key
        self.path = path
        self.way = way
        self.pids = list(pids)
        self.threads: list[int] = []
        self.mounts: list[str] = []
        self.links: list[str] = []
        self.hidden: list[str] = []
        self.descriptors: list[int] = []
        self.sockets: list[int] = []
        self.holders: list[Holder] = []

    def held_by(self) -> tuple[str, ...]:
        words = ("process", self.pids), ("thread", self.threads), ("mount", self.mounts), ("descriptor", self.descriptors), (
            "socket", self.sockets), ("hidden-mount", self.hidden)  # fmt: skip
        return tuple(word for word, held in words if held)

    def other_ways(self, place: Place) -> Iterator[tuple[str, str]]:
        """(path, way) besides its own, for when that is gone; a few only. Processes that are not in it any more are forgotten."""
        self.pids = [pid for pid in self.pids if key_at(place.process(pid, "ns", "net")) == self.key]
        yield from ((f"/proc/{pid}/ns/net", place.process(pid, "ns", "net")) for pid in self.pids[:TRIED])
        yield from ((path, place.file(path)) for path in self.mounts[:TRIED])


def find(place: Place, device: int, thorough: bool, stack: ExitStack) -> dict[Key, Found]:
    """Every namespace that something holds. `device` is nsfs's; descriptors that must stay open are put on the stack."""
    found: dict[Key, Found] = {}
    for key, pids in processes.by_namespace(place).items():
        found[key] = Found(key, f"/proc/{pids[0]}/ns/net", place.process(pids[0], "ns", "net"), pids)
    if thorough:
        _threads(place, found)
    hidden = _mounts(place, device, found, thorough)
    if thorough:
        _descriptors(place, device, found, stack)
    for key, path in hidden:
        _add(found.setdefault(key, Found(key, "", "")).hidden, path)
    return found


def _threads(place: Place, found: dict[Key, Found]) -> None:
    """Threads that left their process's namespace, and those that outlived its first: then /proc says no namespace of it."""
    homes = {pid: one.key for one in found.values() for pid in one.pids}
    for pid in processes.pids(place):
        home = homes.get(pid) or key_at(place.process(pid, "ns", "net"))
        for tid in processes.threads(place, pid):
            way = place.process(pid, "task", str(tid), "ns", "net")
            key = key_at(way)
            if key and key != home:
                _add(found.setdefault(key, Found(key, f"/proc/{pid}/task/{tid}/ns/net", way)).threads, pid)


def _mounts(place: Place, device: int, found: dict[Key, Found], thorough: bool) -> list[tuple[Key, str]]:
    """Bind mounts. One that the node itself does not see is reached through the root of a process that does.

    A copy that another mount namespace has, be it under another path (/host in a debug pod), is no further name. Returns those
    that nobody sees, since another mount covers them, or a folder above.
    """
    seen: set[tuple[int, str]] = set()
    hidden: dict[tuple[int, str], tuple[int, processes.Mount, str]] = {}
    for pid in processes.by_mount_namespace(place) if thorough else (1,):
        for mount in processes.mounts(place, pid):
            original = mount.inode, mount.spot or mount.path
            if original in seen:
                continue
            key = (device, mount.inode)
            direct = key_at(place.file(mount.path)) == key
            path = mount.path if direct else f"/proc/{pid}/root{mount.path}"
            way = place.file(mount.path) if direct else place.process(pid, "root") + mount.path
            if not direct and key_at(way) != key:
                hidden.setdefault(original, (pid, mount, mount.path if pid == 1 else path))
                continue
            seen.add(original)
            one = found.setdefault(key, Found(key, path, way))
            if direct and not one.mounts and one.pids[:1] != [1]:
                one.path, one.way = path, way
            _add(one.mounts, path)
    # one that was only just unmounted is not hidden, it is gone
    now = {pid: set(processes.mounts(place, pid)) for pid in {pid for pid, _, _ in hidden.values()}}
    return [
        ((device, mount.inode), path)
        for original, (pid, mount, path) in hidden.items()
        if original not in seen and mount in now[pid]
    ]


def _descriptors(place: Place, device: int, found: dict[Key, Found], stack: ExitStack) -> None:
    """Open files of namespaces, and sockets that live in another namespace than their process.

    A file's path does not tell whether it is a namespace's, and to ask the file may take for ever, on a file server that is gone.
    So its mount is asked about first, which only /proc answers.
    """
    ordinary = processes.ordinary_mounts(place)
    for home in list(found.values()):
        for pid in home.pids:
            if pid == os.getpid():
                continue
            sockets: list[int] = []
            for descriptor, target in processes.descriptors(place, pid):
                if target.startswith("socket:[") or target == TUN:
                    sockets.append(descriptor)
                elif target.startswith("net:[") or (
                    target.startswith("/") and processes.mount_of(place, pid, descriptor) not in ordinary
                ):
                    way = place.process(pid, "fd", str(descriptor))
                    key = key_at(way)
                    if key and key[0] == device and is_network(way):
                        _add(found.setdefault(key, Found(key, f"/proc/{pid}/fd/{descriptor}", way)).descriptors, pid)
            for namespace in _of_sockets(pid, sockets):
                key = key_of(namespace)
                if key == home.key:
                    os.close(namespace)
                    continue
                stack.callback(os.close, namespace)
                one = found.setdefault(key, Found(key, f"/proc/{pid}/fd", f"/proc/self/fd/{namespace}"))
                _add(one.sockets, pid)


def _of_sockets(pid: int, sockets: list[int]) -> Iterator[int]:
    """A descriptor of each socket's namespace; nothing where the kernel is too old or does not let us."""
    if not sockets or not hasattr(os, "pidfd_open"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return
    try:
        for descriptor in sockets:
            copy = libc.syscall(PIDFD_GETFD, process, descriptor, 0)
            if copy < 0:
                continue
            try:
                yield fcntl.ioctl(copy, SIOCGSKNS)
            except OSError:
                pass
            finally:
                os.close(copy)
    finally:
        os.close(process)


def _add(holders: list[T], one: T) -> None:
    if one not in holders:
        holders.append(one)
