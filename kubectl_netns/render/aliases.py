"""Links in /run/netns as lines and tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from ..aliases import Link
from .safe import safe
from .table import columns

SAID = {"made": "", "replaced": " (in place of a stale one)", "present": " (it was there already)", "removed": " removed"}


def sentences(links: Sequence[Link], wide: bool) -> str:
    """A line for each link that was made, found in its place, or removed; wide: the table."""
    return listing(links, wide) if wide else "\n".join(safe(_sentence(one)) for one in links)


def _sentence(one: Link) -> str:
    where = f"{one.path} on {one.node}" if one.node else one.path
    said = SAID.get(one.outcome or "", "")
    return where + said if one.outcome == "removed" else f"{where} → {one.target}{said}"


def listing(links: Sequence[Link], wide: bool) -> str:
    """A row each, with its node, which `unlink` wants to know; wide: everything that is known of it, and why it is stale."""
    nodes = wide or any(one.node for one in links)
    headers = [*(["NODE"] if nodes else []), "NAME", "POD", "STATE", "TARGET"]
    if wide:
        headers += ["INODE", "POD UID", "CREATED", "STARTED BY", "OUTCOME", "REASON"]
    where = ([safe(one.node or "")] if nodes else [] for one in links)
    return columns(headers, [[*node, *_facts(one), *(_more(one) if wide else [])] for node, one in zip(where, links)])


def _facts(one: Link) -> list[object]:
    return [safe(one.name), safe(f"{one.pod.namespace}/{one.pod.name}"), one.state, safe(one.target)]


def _more(one: Link) -> list[object]:
    return [one.inode, safe(one.pod.uid or ""), one.created_at, safe(one.started_by), one.outcome, safe(one.reason or "")]


def paths(links: Sequence[Link]) -> str:
    """One a line."""
    return "\n".join(safe(one.path) for one in links)


def usage(links: Sequence[Link]) -> str:
    """How the first of them is used."""
    first = links[0]
    return safe(f"on {first.node or 'this machine'}: ip netns exec {first.name} ip addr")
