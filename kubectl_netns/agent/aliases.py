"""Names for pods' namespaces in /run/netns, where the node's own `ip netns` looks: made, listed, taken back.

A name is a symbolic link to the runtime's file, and nothing else will do. A bind mount would keep the namespace after its pod is
gone; a link to /proc/PID/ns/net could one day lead to a stranger. So `ip netns` works until the runtime removes its file; then
the link dangles. Only links that bear our mark (`marks.py`) are ever removed, by unlink(2): `ip netns del` on a symbolic link
unmounts what it leads to, which is the runtime's. Whoever changes anything holds the folder's lock, as `ip netns add` does
(measured with iproute2 6.1): of two clients that link at once the second sees what the first has made.

/run/netns is made where it is missing (a node with Docker alone), as `ip netns add` makes it; that bind-mounts the folder onto
itself later, which links and marks survive.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from ..aliases import HALF_MADE, Alias, Link, Linked, Linking, Undone, default_name, fault
from ..model import NetworkNamespace, Pod
from ..questions import Question
from . import discover, marks
from .enter import is_network, key_at
from .marks import Mark
from .names import FOLDERS
from .place import Place
from .runtimes.base import Runtime

FOLDER = FOLDERS[0]
PATIENCE = 5.0  # for whoever holds the folder's lock
NO_MARK = "the node's file system takes no mark on a link (trusted extended attributes), so it could not be known as ours again"


class NotDone(Exception):
    """Raised with the code and the message of an Undone."""


def serve(place: Place, request: Linking, runtimes: list[Runtime] | None = None) -> Linked:
    """Raises OSError when not even the host's own namespace can be read (no rights)."""
    if request.action == "link":
        return _link(place, request, runtimes)
    if request.action == "list":
        return Linked(tuple(_told(place, mark, None) for _, mark in _own(place)))
    return _unlink(place, request)


def _link(place: Place, request: Linking, runtimes: list[Runtime] | None) -> Linked:
    pods = tuple(alias.pod for alias in request.aliases if alias.pod)
    answer = discover.survey(place, Question(pods, request.runtime), runtimes)
    links: list[Link] = []
    failures: list[Undone] = []
    for alias in request.aliases:
        found = [item for item in answer.namespaces if alias.pod and item.pod and alias.pod.matches(item.pod)]
        try:
            links.append(_make(place, alias, _only(found), request.started_by))
        except NotDone as reason:
            failures.append(Undone(alias, *reason.args))
        except OSError as error:
            failures.append(Undone(alias, "refused", f"{FOLDER} cannot be written to: {error.strerror}"))
    return Linked(tuple(links), tuple(failures), answer.warnings)


def _only(found: list[NetworkNamespace]) -> NetworkNamespace:
    """The item that counts. Where two namespaces have such a pod, neither is meant for sure."""
    if not found:
        raise NotDone("none", "it has no sandbox now")
    meant, names = discover.those_meant(found)
    if len(names) > 1:
        raise NotDone("ambiguous", f"several pods are called so: {', '.join(names)}")
    return meant[0]


def _make(place: Place, alias: Alias, item: NetworkNamespace, started_by: str) -> Link:
    """The link for one pod. Raises NotDone, or OSError."""
    mark = mark_for(place, alias, item, started_by)
    _prepare(place)
    with alone(place):
        return _make_marked(place, mark)


def _make_marked(place: Place, mark: Mark) -> Link:
    path = place.file(f"{FOLDER}/{mark.name}")
    outcome, reason = "made", None
    old = marks.read(path)
    if old:
        same = (old.device, old.inode, old.target) == (mark.device, mark.inode, mark.target)
        stale = why_stale(place, old)
        if same and not stale:
            return _told(place, old, "present")
        if not stale and old.owner != mark.owner:
            raise NotDone("taken", f"{FOLDER}/{mark.name} is a link to the namespace of pod {old.namespace}/{old.pod}")
        outcome, reason = "replaced", f"it led to {old.target}, a former sandbox of pod {old.namespace}/{old.pod}"
        _remove(place, old)
    try:
        marks.make(path, mark)
    except FileExistsError:
        raise NotDone("taken", f"{FOLDER}/{mark.name} is there already: {what_is(place, mark.name)}") from None
    except marks.Unmarkable as error:
        raise NotDone("refused", f"{NO_MARK}: {error}") from error
    return _told(place, mark, outcome, reason)


def mark_for(place: Place, alias: Alias, item: NetworkNamespace, started_by: str) -> Mark:
    """What the link will be. The target is looked at here, by inode: its path alone may be a stale plain file's."""
    assert item.pod and alias.pod
    namespace, inode, device = item.namespace, item.namespace.inode, item.namespace.device
    if item.role == "host":
        raise NotDone("host-network", "it uses the node's own network, which needs no name")
    target = namespace.path or ""
    if not PurePosixPath(target).is_absolute() or target.startswith("/proc/"):
        raise NotDone("no-file", "its namespace has no file on the node that a link could lead to")
    seen = place.file(target)
    if inode is None or device is None or key_at(seen) != (device, inode) or not is_network(seen):
        raise NotDone("none", f"{target} is no longer its namespace")
    owner = (alias.pod.namespace or item.pod.namespace, alias.pod.name or item.pod.name, alias.pod.uid or item.pod.uid)
    name = alias.name if alias.name is not None else default_name(owner[0], owner[1])
    if why := fault(name):
        raise NotDone("refused", f'a link cannot be called "{name}": {why}')
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Mark(name, target, device, inode, *owner, now, started_by)


def _prepare(place: Place) -> None:
    """Make the folder, if need be. A folder that is itself a link would lead from here into our own files."""
    folder = place.file(FOLDER)
    try:
        os.mkdir(folder)
        os.chmod(folder, 0o755)  # whatever the umask
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise NotDone("refused", f"{FOLDER} is no folder on this node") from None


@contextmanager
def alone(place: Place) -> Iterator[None]:
    """Nobody else makes or removes names meanwhile: so a half-made one is what a killed agent has left."""
    folder = place.file(FOLDER)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _lock(descriptor)
        half = os.path.join(folder, HALF_MADE)
        if os.path.islink(half):
            os.unlink(half)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise NotDone("refused", f"{FOLDER} is locked: somebody else is at work on it, as `ip netns add`") from None
            time.sleep(0.01)


def _unlink(place: Place, request: Linking) -> Linked:
    try:
        with alone(place):
            return _unlink_marked(place, request)
    except (FileNotFoundError, NotADirectoryError):
        return Linked((), tuple(_nothing(place, alias) for alias in request.aliases))
    except NotDone as reason:
        return Linked((), tuple(Undone(alias, *reason.args) for alias in request.aliases))


def _unlink_marked(place: Place, request: Linking) -> Linked:
    owned = dict(_own(place))
    links: list[Link] = []
    failures: list[Undone] = []
    for alias in request.aliases:
        called = owned.get(alias.name) if alias.name else None
        chosen = [called] if called else [mark for mark in owned.values() if _is_of(mark, alias.pod)]
        for mark in chosen:
            told = _told(place, mark, "removed")
            try:
                removed = _remove(place, mark)
            except OSError as error:
                failures.append(Undone(alias, "refused", f"{told.path} cannot be removed: {error.strerror}"))
                continue
            del owned[mark.name]
            if removed:
                links.append(told)
            else:
                failures.append(_nothing(place, Alias(alias.pod, mark.name)))
        if not chosen:
            failures.append(_nothing(place, alias))
    return Linked(tuple(links), tuple(failures))


def _remove(place: Place, mark: Mark) -> bool:
    """Looked at once more: it is ours at this very moment, or it is left alone. Those who know no lock may have changed it."""
    path = place.file(f"{FOLDER}/{mark.name}")
    if marks.read(path) != mark:
        return False
    os.unlink(path)
    return True


def _is_of(mark: Mark, pod: Pod | None) -> bool:
    return pod is not None and pod.matches(Pod(mark.namespace, mark.pod, mark.uid))


def _nothing(place: Place, alias: Alias) -> Undone:
    if alias.name and not fault(alias.name) and os.path.lexists(place.file(f"{FOLDER}/{alias.name}")):
        return Undone(alias, "foreign", f"{FOLDER}/{alias.name} was not made by this tool: {what_is(place, alias.name)}")
    return Undone(alias, "none", "there is no such link")


def _own(place: Place) -> Iterable[tuple[str, Mark]]:
    folder = place.file(FOLDER)
    try:
        names = sorted(os.listdir(folder)) if not os.path.islink(folder) else []
    except OSError:
        names = []
    for name in names:
        if mark := marks.read(os.path.join(folder, name)):
            yield name, mark


def _told(place: Place, mark: Mark, outcome: str | None, reason: str | None = None) -> Link:
    stale = why_stale(place, mark)
    return Link(
        None, mark.name, f"{FOLDER}/{mark.name}", mark.target, mark.inode, "stale" if stale else "live", outcome, mark.owner,
        mark.created_at, mark.started_by, stale or reason,
    )  # fmt: skip


def why_stale(place: Place, mark: Mark) -> str | None:
    """Why a link of ours no longer leads to the namespace that it was made for; None while it does."""
    key = key_at(place.file(mark.target))
    if key is None:
        return f"{mark.target} is not there any more"
    if key == (mark.device, mark.inode):
        return None
    same_kind = key[0] == mark.device
    return f"{mark.target} is another namespace now" if same_kind else f"{mark.target} is a plain file now: its namespace is gone"


def what_is(place: Place, name: str) -> str:
    """What a name in the folder is that is not ours, for people."""
    path = place.file(f"{FOLDER}/{name}")
    try:
        if os.path.islink(path):
            return f"a link to {os.readlink(path)}"
        return "a namespace, as `ip netns add` or a runtime makes them" if is_network(path) else "a file that is no namespace"
    except OSError:
        return "something that has just gone"
