"""Interfaces as `ip addr` (iproute2 6.1) prints them, for people and scripts that know its format by heart.

iproute2 6.1 does not print who made an address (IFA_PROTO; later ones add `proto kernel_ll`), so neither do we.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model import Address, Interface, NetworkNamespace
from .iproute import sections, statistics
from .safe import safe
from .table import owner

GROUPS = {0: "default"}


def addresses(items: Iterable[NetworkNamespace]) -> str:
    """`ip addr` in each namespace; several are set apart by a comment line that names them, as is what else was asked for."""
    items = list(items)
    nodes = len({item.node for item in items}) > 1
    blocks = []
    for item in items:
        title = [_title(item, nodes)] if len(items) > 1 else []
        up = {one.index: "UP" in one.flags for one in item.interfaces}
        lines = [line for one in item.interfaces for line in interface(one, up)]
        for command, more in sections(item):
            lines += ["", f"# {command}", *more]
        blocks.append("\n".join(_harmless(line) for line in title + lines))
    return "\n\n".join(blocks)


def _title(item: NetworkNamespace, nodes: bool) -> str:
    known = f"net:[{item.namespace.inode}]" if item.namespace.inode is not None else item.namespace.path or "not to be read"
    return " ".join(safe(word) for word in ("#", item.node if nodes else None, owner(item), known) if word)


def _harmless(line: str) -> str:
    """Names are escaped where they stand; a node may lie in any other word too. Tabs are iproute2's own."""
    return "\t".join(safe(part) for part in line.split("\t"))


def interface(one: Interface, up: Mapping[int, bool]) -> list[str]:
    """One interface's lines. `up` tells which of the namespace's links are: one that sits on a link that is not is M-DOWN."""
    down = one.link_nsid is None and not up.get(one.link_index or 0, True)
    flags = ",".join([*one.flags, *(["M-DOWN"] if down else [])])
    words = [f"{one.index}: {_name(one)}: <{flags}> mtu {one.mtu} qdisc {safe(one.qdisc or 'noop')}"]
    if one.master:
        words.append(f"master {safe(one.master)}")
    words.append(f"state {one.operstate.upper()} group {GROUPS.get(one.group, one.group)}")
    # iproute2 ends this line with a space where the queue's length is 0, and an address's where it has no label
    words.append(f"qlen {one.queue_length}" if one.queue_length else "")
    lines = [" ".join(words), _link(one)]
    lines += [f"    altname {safe(name)}" for name in one.altnames]
    for address in one.addresses:
        lines += [_address(address, one), f"       valid_lft {_lifetime(address.valid_lifetime)} preferred_lft "
                  f"{_lifetime(address.preferred_lifetime)}"]  # fmt: skip
    return lines + statistics(one)


def _name(one: Interface) -> str:
    name = safe(one.name)
    if one.link_index is not None and (one.link_nsid is not None or not (one.parent or one.peer)):
        return f"{name}@{'NONE' if not one.link_index else f'if{one.link_index}'}"
    other = one.parent or (one.peer.name if one.peer else None)
    return f"{name}@{safe(other)}" if other and one.link_nsid is None else name


def _link(one: Interface) -> str:
    mac = one.mac if one.link_type != "loopback" else "00:00:00:00:00:00"
    words = [f"    link/{one.link_type}"]
    if not mac:
        words[0] += " "
    else:
        words.append(mac)
        if one.broadcast:
            words.append(f"{'peer' if 'POINTOPOINT' in one.flags else 'brd'} {one.broadcast}")
    if one.link_nsid is not None:
        words.append(f"link-netnsid {one.link_nsid}")
    return " ".join(words)


def _address(address: Address, one: Interface) -> str:
    words = [f"    {address.family} {address.address}"]
    if address.peer:
        words.append(f"peer {address.peer}/{address.prefix_length}")
    else:
        words[0] += f"/{address.prefix_length}"
    if address.broadcast:
        words.append(f"brd {address.broadcast}")
    words.append(f"scope {address.scope}")
    # iproute2 prints the lack of permanence, not permanence
    words += [flag for flag in address.flags if flag != "permanent"]
    if "permanent" not in address.flags:
        words.append("dynamic")
    words.append(safe(address.label or ""))
    return " ".join(words)


def _lifetime(seconds: int | None) -> str:
    return "forever" if seconds is None else f"{seconds}sec"
