"""Names for pods' namespaces in /run/netns: the facts that travel about them, and what such a name may be.

iproute2's rule (invalid_name in its utils.c): no slash, not `.` or `..`, at most 255 bytes. Ours is stricter by what no terminal
should see. The default name is NAMESPACE_POD. Neither part has an underscore on an API server; one that is too long, or holds
what it should not, ends in two underscores and a digest of both. So no two pods share a default name.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from .model import Pod, Warning

LONGEST = 255
HALF_MADE = ".kubectl-netns"  # what a link is called while it is made; under the folder's lock there is one at most
DIGEST = 16
UNUSUAL = re.compile(r"[^A-Za-z0-9.-]")


class Owner(NamedTuple):
    """The pod that a link was made for: names and UID as they were then, for the pod may be gone."""

    namespace: str
    name: str
    uid: str | None


class Link(NamedTuple):
    """A name for a pod's namespace in /run/netns, where `ip netns` looks: a symbolic link that this tool made.

    `target` is the runtime's file that it leads to, `inode` the namespace's when the link was made. `state` is live while the
    target still is that namespace, else stale, and `reason` says why. `outcome` is what was done: made, replaced (a stale one of
    ours), present (it was there already), removed; None where links are only listed. `created_at` is RFC 3339 in UTC.
    """

    node: str | None
    name: str
    path: str
    target: str
    inode: int
    state: str
    outcome: str | None
    pod: Owner
    created_at: str
    started_by: str
    reason: str | None = None


class Alias(NamedTuple):
    """One thing to be done with links. To make one: for `pod`, called `name`, None for the default name.

    To remove: that called `name`; where there is none, those made for `pod`.
    """

    pod: Pod | None
    name: str | None


class Linking(NamedTuple):
    """Make, remove or list links (`action` is link, unlink or list). `started_by` is who asks, to be remembered with a link."""

    action: str
    aliases: tuple[Alias, ...] = ()
    started_by: str = ""
    runtime: str | None = None

    def at(self, runtime: str) -> Linking:
        return self._replace(runtime=runtime)

    @staticmethod
    def reply() -> type[Linked]:
        return Linked


class Undone(NamedTuple):
    """An alias with which nothing could be done; `message` is for people, and does not name the node.

    `code` is none (there is no such link, or the pod has no sandbox), taken, foreign (not made by this tool), ambiguous,
    host-network, no-file, or refused (by the node).
    """

    alias: Alias
    code: str
    message: str


class Linked(NamedTuple):
    """What a node says: the links that were made, removed or found, what was not done, and what went wrong on the way."""

    links: tuple[Link, ...]
    failures: tuple[Undone, ...] = ()
    warnings: tuple[Warning, ...] = ()


def default_name(namespace: str, pod: str) -> str:
    """At most LONGEST bytes, all of them ASCII letters, digits, `.`, `-` and `_`."""
    parts = [UNUSUAL.sub("-", part) for part in (namespace, pod)]
    plain = "_".join(parts)
    if parts == [namespace, pod] and len(plain) <= LONGEST:
        return plain
    import hashlib  # not for an agent that links nothing (see wire.py)

    digest = hashlib.sha256(json.dumps([namespace, pod]).encode()).hexdigest()[:DIGEST]
    return f"{plain[: LONGEST - 2 - DIGEST]}__{digest}"


def fault(name: str) -> str | None:
    """Why a link may not be called so; None if it may."""
    if not name or name in (".", ".."):
        return "that is no name"
    if name == HALF_MADE:
        return "links are called so while they are made"
    if "/" in name:
        return "it has a slash"
    if not name.isprintable():
        return "it has a character that cannot be printed"
    if len(name.encode()) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    return None
