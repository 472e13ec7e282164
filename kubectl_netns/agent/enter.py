"""Open network namespaces and work inside them.

One dedicated thread switches (setns changes only the calling thread), so that the agent's other threads stay in the node's
namespace. Everything opened is closed: a forgotten descriptor would keep a deleted pod's namespace, and its veth, alive.
A path is checked after it was opened: where a runtime's mount is not visible, its file is an empty plain one, and setns says
so with EINVAL. Sources: setns(2), ioctl_ns(2).
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from typing import TypeVar

CLONE_NEWNET = 0x40000000
NS_GET_NSTYPE = 0xB703

Key = tuple[int, int]
Result = TypeVar("Result")


class NotANamespace(Exception):
    """The file is there, but it is no network namespace (a stale name, a mount not seen from here)."""


class opened:
    """`with opened(path) as descriptor`: of the file at `path`, which `enter` checks. Raises OSError when it is gone."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def key_of(descriptor: int) -> Key:
    """What identifies a namespace: (device, inode). Inodes are reused, so a key is good only while it is held open."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def key_at(path: str) -> Key | None:
    """The key of the file at `path`, whatever it is; None when it is gone or may not be looked at."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_network(path: str) -> bool:
    """Whether the nsfs file at `path` is a network namespace, and not one of another type."""
    try:
        with opened(path) as descriptor:
            return fcntl.ioctl(descriptor, NS_GET_NSTYPE) == CLONE_NEWNET
    except OSError:
        return False


def enter(descriptor: int) -> None:
    """Move the calling thread into a network namespace. Raises NotANamespace, or OSError (EPERM without CAP_SYS_ADMIN)."""
    try:
        _setns(descriptor, CLONE_NEWNET)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise NotANamespace(os.readlink(f"/proc/self/fd/{descriptor}")) from error
        raise


def _libc_setns(descriptor: int, kind: int) -> None:
    if _libc.setns(descriptor, kind):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if hasattr(os, "setns"):  # Python 3.12
    _setns = os.setns
else:
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)
    _setns = _libc_setns


def in_own_thread(work: Callable[[], Result]) -> Result:
    """Run `work`, which may switch namespaces, in a thread that ends with it, and hand its result or exception on."""
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # handed on to the caller below
            failure.append(error)

    thread = threading.Thread(target=body, name="netns-worker", daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
