"""Join the two ends of every veth and netkit: by index and nsid, and only when both ends say the same.

Each namespace numbers the others on its own account (nsid), so a link says "index 7 in namespace number 3 as *I* count".
A pair of (index, nsid) can be shared by two strangers; hence the check that the other end points back.
No attribute IFLA_LINK_NETNSID means the same namespace. Older kernels leave out IFLA_LINK when both ends share an index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from ..model import Interface, Peer
from .enter import Key
from .links import PAIRED
from .visit import Visit

Number = Callable[[Key, Key], int | None]
"""number(a, b): the nsid by which a knows b."""


def join(host: Visit, others: list[Visit], number: Number) -> dict[Key, tuple[Interface, ...]]:
    """Every namespace's interfaces with their peers. `number` is asked only for pairs that are both off the host."""
    joiner = _Joiner(host, others, number)
    return {
        visit.key: tuple(joiner.with_peer(visit, interface) for interface in visit.interfaces) for visit in [host, *others]
    }


class _Joiner:
    def __init__(self, host: Visit, others: list[Visit], number: Number) -> None:
        self._host = host
        self._number = number
        self._by_nsid = {visit.nsid: visit for visit in others if visit.nsid is not None}
        self._by_index: dict[Key, dict[int, Interface]] = {
            visit.key: {interface.index: interface for interface in visit.interfaces} for visit in [host, *others]
        }
        self._pointing: dict[tuple[int, int], list[Visit]] = defaultdict(list)
        for visit in others:
            for interface in visit.interfaces:
                if interface.kind in PAIRED:
                    self._pointing[interface.index, far_index(interface)].append(visit)

    def with_peer(self, visit: Visit, interface: Interface) -> Interface:
        if interface.kind not in PAIRED or (interface.link_index is None and interface.link_nsid is None):
            return interface
        index, nsid = far_index(interface), interface.link_nsid
        for other, expected in self._candidates(visit, interface):
            end = self._by_index[other.key].get(index)
            if other.key != visit.key and expected is None:
                continue  # no number, no proof
            if end and end.kind in PAIRED and far_index(end) == interface.index and end.link_nsid == expected:
                on_host = other.key == self._host.key
                return interface._replace(peer=Peer(other.key[1], index, end.name, end.master, on_host, nsid))
        return interface._replace(peer=Peer(None, index, None, None, self._on_host(visit, nsid), nsid))

    def _candidates(self, visit: Visit, interface: Interface) -> list[tuple[Visit, int | None]]:
        """Namespaces that the other end may be in, each with the nsid by which it must point back."""
        nsid, host = interface.link_nsid, self._host
        if nsid is None:
            return [(visit, None)]
        if visit.key == host.key:
            other = self._by_nsid.get(nsid)
            return [(other, other.host_nsid)] if other else []
        if nsid == visit.host_nsid:
            return [(host, visit.nsid)]
        return [
            (other, self._number(other.key, visit.key))
            for other in self._pointing[far_index(interface), interface.index]
            if other.key != visit.key and self._number(visit.key, other.key) == nsid
        ]

    def _on_host(self, visit: Visit, nsid: int | None) -> bool | None:
        """For an end that was not found: the number still tells whether it is on the host."""
        if nsid is None:
            return visit.key == self._host.key
        if visit.key == self._host.key:
            return False
        return nsid == visit.host_nsid


def far_index(interface: Interface) -> int:
    return interface.index if interface.link_index is None else interface.link_index


def unbridged(interfaces: tuple[Interface, ...]) -> bool:
    """Whether one of a namespace's interfaces has its other end on the host, and no bridge there."""
    return any(one.peer and one.peer.on_host and one.peer.name and one.peer.master is None for one in interfaces)


def routed(interfaces: tuple[Interface, ...], through: Mapping[str, Sequence[str]]) -> tuple[Interface, ...]:
    """The interfaces with the host's routes that lead to their addresses through the peer (as Calico and Cilium set them).

    `through` has the destinations of the host's routes by device.
    """
    completed: list[Interface] = []
    for one in interfaces:
        peer = one.peer
        if peer and peer.on_host and peer.master is None and peer.name and (destinations := through.get(peer.name)):
            leading = tuple(destination for destination in destinations if _covers(destination, one))
            one = one._replace(peer=peer._replace(routes=leading))
        completed.append(one)
    return tuple(completed)


def _covers(destination: str, interface: Interface) -> bool:
    if destination in ("default", "fe80::/64"):
        return False
    import ipaddress

    network = ipaddress.ip_network(destination)
    return any(ipaddress.ip_address(address.address) in network for address in interface.addresses if address.scope != "link")
