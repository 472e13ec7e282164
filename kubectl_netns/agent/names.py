"""The names that namespaces have on this node: files in /run/netns and in Docker's folder, live or stale.

`ip netns add` and CNI bind a namespace to an empty file; when the mount goes, the file stays behind as a stale name. A symbolic
link is a name as well. Its target is resolved here, step by step: seen from the agent's pod, the kernel would follow an absolute
one into the pod's own files.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from .enter import key_at
from .holders import Found
from .place import Place
from .processes import NSFS_ROOT

FOLDERS = ("/run/netns", "/run/docker/netns")
MAX_LINKS = 8
ELSEWHERE = re.compile(r"^/proc/\d+/root")
"""A mount that only a daemon with mounts of its own sees; the node's file of that name is empty, and yet not stale."""


class Stale(NamedTuple):
    """A name whose namespace is gone, and how that shows."""

    path: str
    reason: str


def read(place: Place, found: dict[tuple[int, int], Found], device: int) -> list[Stale]:
    """Add the links to what was found, and give the names that lead nowhere."""
    mounted = {ELSEWHERE.sub("", path) for one in found.values() for path in one.mounts}
    covered = {ELSEWHERE.sub("", path): (path, key[1]) for key, one in found.items() for path in one.hidden}
    stale: list[Stale] = []
    for folder in FOLDERS:
        for name in _entries(place.file(folder)):
            path = f"{folder}/{name}"
            if path in mounted:
                continue
            target = resolve(place, path)
            key = key_at(place.file(target))
            if key is None:
                stale.append(Stale(path, f"it is a link to {target}, which is not there"))
            elif key[0] == device:
                found.setdefault(key, Found(key, path, place.file(target))).links.append(path)
            elif target in covered:
                where, inode = covered[target]
                stale.append(Stale(path, f"the mount of net:[{inode}] at {where} is covered by another one"))
            elif target not in mounted:
                what = "it is a plain file" if target == path else f"it is a link to {target}, a plain file"
                stale.append(Stale(path, f"{what}: the namespace that was mounted on it is gone"))
    return stale


def persists(place: Place, one: Stale, device: int) -> bool:
    """Whether it still leads nowhere: one that was being made, or removed, when it was read, does not."""
    path = place.file(one.path)
    key = key_at(place.file(resolve(place, one.path)))
    return os.path.lexists(path) and (key is None or key[0] != device)


def resolve(place: Place, path: str) -> str:
    """Where a name leads, as the node sees it; the name itself when it is no link, or one of /proc's, whose text is no path."""
    for _ in range(MAX_LINKS):
        try:
            target = os.readlink(place.file(path))
        except OSError:
            break
        if NSFS_ROOT.match(target):
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return path


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
