"""System calls that Python 3.10 has no names for: mounts, mount namespaces, and what becomes of orphans.

All through the C library that this interpreter runs on, glibc or musl. Every call raises OSError. Sources: mount(2), umount(2),
unshare(2), setns(2), prctl(2); the numbers are those of linux/mount.h, linux/sched.h and linux/prctl.h, the same everywhere.
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_SLAVE = 1 << 12, 1 << 14, 1 << 19
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    source_, kind_, options_ = (None if word is None else os.fsencode(word) for word in (source, kind, options))
    _check(_libc.mount(source_, os.fsencode(target), kind_, flags, options_), target)


def detach(target: str) -> None:
    """Unmount, now or when the last user has gone."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), target)


def unshare_mounts() -> None:
    _check(_libc.unshare(CLONE_NEWNS))


def enter_mounts(descriptor: int) -> None:
    """Move this process, which may have one thread only, to another mount namespace; its root and cwd become that one's root."""
    _check(_libc.setns(descriptor, CLONE_NEWNS))


def adopt_orphans() -> None:
    """Descendants whose parents end become children of this process, not of process 1."""
    _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def end_with_parent(number: int) -> None:
    """This process gets the signal when its parent ends."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0))


def _check(result: int, path: str | None = None) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
