"""What a command inside sees of the file system: the tools' own files, but the pod's resolver and the namespace's /sys.

`ip netns exec` does the same with /etc/netns/NAME and a fresh sysfs. Here the files are the pod's own, copied: the kernel refuses
bind mounts across mount namespaces. Everything happens in a private mount namespace whose mounts are slaves, so that nothing
reaches the node, while what the node mounts later is still seen. Traps:

- a pod's /etc/resolv.conf may be a symlink, and an absolute one would lead into *our* root: it is read from within the pod's;
- the new /sys hides what was mounted under the old one (/sys/fs/cgroup): that is bound to its place again;
- nsswitch.conf and nscd may send the C library past resolv.conf, to a resolver of the node (systemd-resolved): `files dns` it is.

Used in a process of its own that has left our files behind: nothing may be imported here when it is needed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from ..model import NetworkNamespace
from . import kernel, processes
from .enter import Key, key_at
from .place import Place

RESOLVER, HOSTS, SWITCH, CACHE = "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/var/run/nscd"
LARGEST = 1 << 20
OCTAL = re.compile(rb"\\([0-7]{3})")
SWITCH_HOSTS = re.compile(rb"^[ \t]*hosts:.*$", re.M)
STAGE = "/sys"  # there is one everywhere, and it gets a new mount anyway

Files = dict[str, bytes]


def sources(place: Place, item: NetworkNamespace) -> dict[str, list[int]]:
    """Processes of the pod in whose root each file is looked for, best first.

    The runtimes mount resolv.conf in every container, the pause container too; hosts is the kubelet's only in the others (the
    pause container of Docker has one of Docker's own). A process of ours in the same namespace belongs to another pod.
    """
    namespace, pod, sandbox = item.namespace, item.pod, item.sandbox
    assert namespace.device is not None and namespace.inode is not None
    here = processes.by_namespace(place).get((namespace.device, namespace.inode), [])
    owners = {pid: processes.cgroup_owner(place, pid) for pid in here}
    own = [pid for pid in here if pod and pod.uid and processes.bare(owners[pid].pod_uid) == processes.bare(pod.uid)]
    if sandbox and sandbox.pid in here and sandbox.pid not in own:
        own.append(sandbox.pid)  # told by the runtime, whatever its cgroup is called
    pause = [pid for pid in own if sandbox and (pid == sandbox.pid or owners[pid].container_id == sandbox.id)]
    others = [pid for pid in own if pid not in pause]
    return {RESOLVER: pause + others, HOSTS: others}


def read(place: Place, key: Key, wanted: dict[str, list[int]]) -> Files:
    """Each file from the first process that has it. Changes this process's root meanwhile, so it may have one thread only."""
    found: Files = {}
    home, cwd = os.open("/", os.O_PATH), os.open(".", os.O_PATH)
    try:
        for path, pids in wanted.items():
            for pid in pids:
                if path in found:
                    break
                try:
                    root = os.open(place.process(pid, "root"), os.O_RDONLY | os.O_DIRECTORY)
                except OSError:
                    continue  # it has ended
                try:
                    if key_at(place.process(pid, "ns", "net")) == key:
                        _chroot(root)
                        held = _held(path)
                        _chroot(home)
                        content = None if held is None else _content(held)
                        if content is not None:
                            found[path] = content
                finally:
                    _chroot(home)
                    os.close(root)
        os.fchdir(cwd)
    finally:
        os.close(home)
        os.close(cwd)
    return found


def _chroot(descriptor: int) -> None:
    os.fchdir(descriptor)
    os.chroot(".")


def _held(path: str) -> int | None:
    """A file that is held, but not opened: to open a device is to use it already (a watchdog, a tape), and a pod can make any."""
    try:
        return os.open(path, os.O_PATH)
    except OSError:
        return None


def _content(held: int) -> bytes | None:
    """A pod's file is anybody's work: no device, no pipe, nothing large. Closes what is held; needs our own /proc around us."""
    try:
        if not stat.S_ISREG(os.fstat(held).st_mode):
            return None
        descriptor = os.open(f"/proc/self/fd/{held}", os.O_RDONLY)
    except OSError:
        return None
    finally:
        os.close(held)
    try:
        content = os.read(descriptor, LARGEST + 1)
        return content if len(content) <= LARGEST else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def arrange(files: Files) -> list[str]:
    """Give this process, which is in the network namespace already, such a view. Returns what could not be done."""
    kernel.unshare_mounts()
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)
    failed = _lay(files)
    try:
        _fresh_sysfs()
    except OSError as error:
        failed.append(f"/sys is the node's, not the namespace's: {error.strerror}")
    return failed


def _lay(files: Files) -> list[str]:
    """The copies lie in a small tmpfs that nobody can reach by a path afterwards."""
    failed = [f"{RESOLVER} is not the pod's: no process of the pod has one"] if RESOLVER not in files else []
    laid = {**files, **_switch(files)}
    try:
        kernel.mount("tmpfs", STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=4m")
    except OSError as error:
        return [f"{' and '.join(sorted(files))} are not the pod's: {error.strerror}"]
    for number, (path, content) in enumerate(laid.items()):
        copy, target = f"{STAGE}/{number}", os.path.realpath(path)
        try:
            with open(copy, "xb", buffering=0) as file:
                file.write(content)
            os.chmod(copy, 0o644)
            kernel.mount(copy, target, None, kernel.MS_BIND)
        except OSError as error:
            failed.append(f"{path} is not the pod's: {target}: {error.strerror}")
    if RESOLVER in files and os.path.isdir(CACHE):
        os.mkdir(f"{STAGE}/empty", 0o755)
        kernel.mount(f"{STAGE}/empty", os.path.realpath(CACHE), None, kernel.MS_BIND)
    kernel.detach(STAGE)
    return failed


def _switch(files: Files) -> Files:
    held = _held(SWITCH) if RESOLVER in files else None
    content = None if held is None else _content(held)
    if content is None or SWITCH_HOSTS.search(content) is None:
        return {}
    return {SWITCH: SWITCH_HOSTS.sub(b"hosts: files dns", content)}


def _fresh_sysfs() -> None:
    """sysfs shows the network devices of the namespace that its mounter is in."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    if os.statvfs("/sys").f_flag & os.ST_RDONLY:
        flags |= kernel.MS_RDONLY
    kept = [(path, os.open(path, os.O_PATH)) for path in _mounted_under("/sys")]
    try:
        kernel.mount("sysfs", "/sys", "sysfs", flags)
        for path, descriptor in kept:
            kernel.mount(f"/proc/self/fd/{descriptor}", path, None, kernel.MS_BIND | kernel.MS_REC)
    finally:
        for _, descriptor in kept:
            os.close(descriptor)


def _mounted_under(folder: str) -> Iterable[str]:
    """The mount points below, without those that are below another one of them."""
    with open("/proc/self/mountinfo", "rb", buffering=0) as file:
        lines = file.read().split(b"\n")
    points = sorted({os.fsdecode(OCTAL.sub(_byte, line.split(b" ")[4])) for line in lines if line.count(b" ") > 4})
    top: list[str] = []
    for point in points:
        if point.startswith(f"{folder}/") and not any(point.startswith(f"{above}/") for above in top):
            top.append(point)
    return top


def _byte(escaped: re.Match[bytes]) -> bytes:
    return bytes([int(escaped[1], 8) & 0xFF])
