"""What /proc tells: which processes are in which network namespace, which files are bind mounts of one, whose cgroup is whose.

A process may end between two reads; that is no error. Formats: proc(5), cgroups(7); the cgroup path's shapes are those
that kubelet's cgroupfs and systemd drivers, Docker, containerd and CRI-O write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from .enter import Key
from .place import Place

POD_UID = re.compile(r"pod([0-9a-f]{8}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{12})(?![0-9a-f])")
CONTAINER_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
NSFS_ROOT = re.compile(r"^net:\[(\d+)\]$")
THREAD_GROUP = re.compile(r"^Tgid:\s+(\d+)$", re.MULTILINE)
OCTAL = re.compile(r"\\([0-7]{3})")


class CgroupOwner(NamedTuple):
    """What a process's cgroup says of it; either may be None. Container IDs have 64 hex digits."""

    pod_uid: str | None
    container_id: str | None


class Mount(NamedTuple):
    """A bind mount of a network namespace: its inode, and where it is mounted.

    `spot` is the file that it is on, as device and path in its file system: the same for a copy of the mount that is seen under
    another path in another mount namespace. None where the mount that has this file is not seen.
    """

    inode: int
    path: str
    spot: str | None = None


def pids(place: Place) -> list[int]:
    return _numbers(place.proc)


def by_namespace(place: Place) -> dict[Key, list[int]]:
    """The processes in each network namespace, lowest PID first."""
    found: dict[Key, list[int]] = {}
    for pid in pids(place):
        try:
            status = os.stat(place.process(pid, "ns", "net"))
        except OSError:
            continue  # it ended, or it is a zombie
        found.setdefault((status.st_dev, status.st_ino), []).append(pid)
    return found


def threads(place: Place, pid: int) -> list[int]:
    """The threads of a process but its first, which has the process's own number."""
    return [tid for tid in _numbers(place.process(pid, "task")) if tid != pid]


def thread_group(place: Place, number: int) -> int | None:
    """The process that a thread is of, which may be itself; None where nothing has this number."""
    match = THREAD_GROUP.search(_read(place.process(number, "status"), ""))
    return int(match[1]) if match else None


def by_mount_namespace(place: Place) -> list[int]:
    """A process for each mount namespace, PID 1 first."""
    found: dict[int, int] = {}
    for pid in pids(place):
        try:
            found.setdefault(os.stat(place.process(pid, "ns", "mnt")).st_ino, pid)
        except OSError:
            continue
    return list(found.values())


def descriptors(place: Place, pid: int) -> Iterable[tuple[int, str]]:
    """The open files of a process and where each link leads, as text."""
    folder = place.process(pid, "fd")
    for descriptor in _numbers(folder):
        try:
            yield descriptor, os.readlink(f"{folder}/{descriptor}")
        except OSError:
            continue


def command(place: Place, pid: int) -> str | None:
    return _read(place.process(pid, "comm"), "").rstrip("\n") or None


def arguments(place: Place, pid: int) -> list[str]:
    return _read(place.process(pid, "cmdline"), "").split("\0")


def cgroup_owner(place: Place, pid: int) -> CgroupOwner:
    return parse_cgroup(_read(place.process(pid, "cgroup"), ""))


def bare(uid: str | None) -> str:
    """A pod's UID for comparing: a static pod's is a hash without dashes, which a cgroup is read with."""
    return (uid or "").replace("-", "")


def mounts(place: Place, pid: int = 1) -> list[Mount]:
    """The network namespaces that are bind mounted in the mount namespace of `pid`."""
    return list(parse_mountinfo(_read(place.process(pid, "mountinfo"), "").split("\n")))


def ordinary_mounts(place: Place) -> set[int]:
    """The IDs of all mounts of all mount namespaces that are not of nsfs; an ID is unique on the machine (proc(5), mountinfo)."""
    found: set[int] = set()
    for pid in by_mount_namespace(place):
        for line in _read(place.process(pid, "mountinfo"), "").split("\n"):
            fields = line.split(" ")
            if len(fields) > 4 and fields[0].isdigit() and not NSFS_ROOT.match(fields[3]):
                found.add(int(fields[0]))
    return found


def mount_of(place: Place, pid: int, descriptor: int) -> int | None:
    """The ID of the mount through which a file was opened (mnt_id in fdinfo, Linux 3.15); the file itself is not touched."""
    for line in _read(place.process(pid, "fdinfo", str(descriptor)), "").split("\n"):
        name, _, value = line.partition(":")
        if name == "mnt_id" and value.strip().isdigit():
            return int(value)
    return None


def parse_cgroup(text: str) -> CgroupOwner:
    """Search every line, never anchor: kind, systemd and Docker in Docker put all sorts of things in front.

    conmon's cgroup (`crio-conmon-ID.scope`) bears a container's ID, but conmon is on the host.
    """
    uid = container = None
    for line in text.splitlines():
        path = line.split(":", 2)[-1]
        if "crio-conmon-" in path:
            continue
        # of a pod in a pod (a kind cluster in a pod) the innermost of both
        if uids := POD_UID.findall(path):
            uid = uid or _dashed(uids[-1])
        if ids := CONTAINER_ID.findall(path):
            container = container or ids[-1]
    return CgroupOwner(uid, container)


def parse_mountinfo(lines: Iterable[str]) -> Iterable[Mount]:
    """The nsfs lines: `ID PARENT MAJ:MIN net:[INODE] MOUNTPOINT OPTIONS … - nsfs nsfs rw`."""
    mounts = [fields for line in lines if len(fields := line.split(" ")) > 4]
    by_id = {fields[0]: fields for fields in mounts}
    for fields in mounts:
        if match := NSFS_ROOT.match(fields[3]):
            path = OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
            yield Mount(int(match[1]), path, _spot(by_id.get(fields[1]), fields[4]))


def _spot(parent: list[str] | None, path: str) -> str | None:
    """Where in the parent's file system a mount is: `/host/run/netns/x` is `/netns/x` of the tmpfs that /host/run shows."""
    if parent is None or not path.startswith(parent[4]):
        return None
    return f"{parent[2]} {parent[3].rstrip('/')}/{path[len(parent[4]) :].lstrip('/')}"


def _numbers(folder: str) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except OSError:
        return []


def _dashed(uid: str) -> str:
    digits = uid.replace("-", "").replace("_", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _read(path: str, default: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            return file.read()
    except OSError:
        return default
