"""How a link that this tool made is known from all others: by an extended attribute on the link itself.

`trusted.*` attributes can be on symbolic links (`user.*` cannot), are seen and set by CAP_SYS_ADMIN alone, and cost no file of
their own; they go where the link goes. The value is small JSON that tells what the link was made for. A link counts as ours only
while it bears the name and leads to the target that the mark tells: a copy, or one that was renamed, is somebody else's.

Traps: the link and its mark are two system calls, and an agent may be killed in between. So a link gets its mark under a name for
the half-made, and then its own as a second one: link(2), like symlink(2), fails where the name is taken. A kernel built without
CONFIG_TMPFS_XATTR refuses the mark (EOPNOTSUPP): then there is no link.
Sources: xattr(7), link(2), measured on tmpfs of Linux 6.18.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from ..aliases import HALF_MADE, Owner

ATTRIBUTE = "trusted.kubectl-netns"
VERSION = 1


class Mark(NamedTuple):
    """What is remembered with a link. `inode` is the namespace's, `device` nsfs's; `created_at` is RFC 3339 in UTC."""

    name: str
    target: str
    device: int
    inode: int
    namespace: str
    pod: str
    uid: str | None
    created_at: str
    started_by: str

    @property
    def owner(self) -> Owner:
        return Owner(self.namespace, self.pod, self.uid)


class Unmarkable(Exception):
    """The file system takes no mark; no link was made. The argument is why."""


def make(path: str, mark: Mark) -> None:
    """The link at `path` (as we see it), never without its mark. Nobody else may be at it in this folder (aliases.alone).

    Raises FileExistsError (the name is taken), OSError, Unmarkable.
    """
    value = json.dumps({"version": VERSION, **mark._asdict()}).encode()
    half = os.path.join(os.path.dirname(path), HALF_MADE)
    os.symlink(mark.target, half)
    try:
        try:
            os.setxattr(half, ATTRIBUTE, value, os.XATTR_CREATE, follow_symlinks=False)
        except OSError as error:
            raise Unmarkable(error.strerror) from error
        os.link(half, path, follow_symlinks=False)
    finally:
        os.unlink(half)


def read(path: str) -> Mark | None:
    """The mark of our own link at `path`; None for whatever else is there, or nothing."""
    try:
        value = os.getxattr(path, ATTRIBUTE, follow_symlinks=False)
        target = os.readlink(path)
    except OSError:
        return None
    mark = parse(value)
    return mark if mark and (mark.name, mark.target) == (os.path.basename(path), target) else None


def parse(value: bytes) -> Mark | None:
    """The attribute's value; None if it is none of ours. What a later version adds is passed over."""
    try:
        facts = json.loads(value)
        mark = Mark(**{name: facts[name] for name in Mark._fields})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    numbers = (mark.device, mark.inode)
    words = (mark.name, mark.target, mark.namespace, mark.pod, mark.created_at, mark.started_by)
    sound = all(type(one) is int for one in numbers) and all(type(one) is str for one in words)
    return mark if sound and (mark.uid is None or type(mark.uid) is str) else None
