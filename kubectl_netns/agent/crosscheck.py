"""What can only be seen with all namespaces of a node side by side: addresses and MACs that two of them claim."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ..model import Interface, NetworkNamespace, Warning
from .enter import Key

SHARING = ("ipvlan", "ipvtap", "dummy", "loopback", "vlan", "bridge")
"""Kinds that have the MAC or the addresses of another by design (kube-proxy puts service addresses on a dummy)."""


def duplicates(items: Sequence[NetworkNamespace]) -> list[NetworkNamespace]:
    """The items, with a warning on each pod or host whose address or MAC another one has too."""
    owners: dict[tuple[str, str], set[Key]] = defaultdict(set)
    for item in items:
        for claim in _claims(item):
            owners[claim].add(_key(item))
    names = {_key(item): _name(item) for item in items}
    return [item._replace(warnings=(*item.warnings, *_warnings(item, owners, names))) for item in items]


def _warnings(
    item: NetworkNamespace, owners: dict[tuple[str, str], set[Key]], names: dict[Key, str]
) -> Iterable[Warning]:
    for what, value in dict.fromkeys(_claims(item)):
        if rest := sorted(names[key] for key in owners[what, value] - {_key(item)}):
            yield Warning(f"duplicate-{what}", f"{value} is also the {what} of {', '.join(rest)}")


def _claims(item: NetworkNamespace) -> Iterable[tuple[str, str]]:
    """Only pods and the host are compared: in namespaces that people make for their tests, 10.0.0.1 is everywhere."""
    if item.role not in ("pod", "host"):
        return
    for interface in item.interfaces:
        if interface.kind in SHARING:
            continue
        for address in interface.addresses:
            if address.scope not in ("host", "link") and not address.address.startswith("fe80:"):
                yield "address", address.address
        if mac := _mac(interface):
            yield "mac", mac


def _mac(interface: Interface) -> str | None:
    usable = interface.link_type == "ether" and interface.mac != "00:00:00:00:00:00" and interface.master is None
    return interface.mac if usable else None


def _key(item: NetworkNamespace) -> Key:
    return item.namespace.device or 0, item.namespace.inode or 0


def _name(item: NetworkNamespace) -> str:
    if item.role == "host":
        return "the node itself"
    return f"{item.pod.namespace}/{item.pod.name}" if item.pod and item.pod.name else f"net:[{item.namespace.inode}]"
