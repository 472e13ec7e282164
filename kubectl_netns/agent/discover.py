"""Answer a question about this node. The story: ask the runtimes who, find what holds a namespace, visit each, join, judge.

The runtimes say who, the kernel says what. A namespace is known by (device, inode); every path is checked against that after
it was opened. Where two sources disagree the kernel is believed and a warning says so. What vanished meanwhile is no error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack

from ..model import Interface, Namespace, NetworkNamespace, Sandbox, Warning
from ..questions import Answer, Question
from ..tables import Process, Socket, SocketOwner
from . import crosscheck, holders, names, ownership, peers, processes
from .enter import Key, in_own_thread
from .holders import Found
from .place import Place
from .runtimes import sockets
from .runtimes.asking import ask
from .runtimes.base import Holder, Runtime
from .visit import Visit, Visitor, is_gone, visit_all

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
NO_SANDBOX = Sandbox("", None, "unknown", None, None, None, "cgroup")


def survey(place: Place, question: Question, runtimes: list[Runtime] | None = None) -> Answer:
    """The node's answer. Raises OSError when not even the host's own namespace can be read (no rights).

    A pod whose sandbox was told but could not be visited may just have got another one: the runtimes are asked once more.
    """
    answer, lost = _survey(place, question, runtimes)
    if lost and question.pods is not None:
        answer, _ = _survey(place, question, runtimes)
    return answer


def _survey(place: Place, question: Question, runtimes: list[Runtime] | None) -> tuple[Answer, bool]:
    warnings: list[Warning] = []
    if runtimes is None:
        runtimes = sockets.find(place, question.runtime)
        if question.runtime and not runtimes:
            message = f"no socket of {question.runtime} was found: sandboxes are inferred from cgroups"
            warnings.append(Warning("runtime-unavailable", message))
    told = ask(runtimes, question, warnings)
    complete = bool(runtimes) and not warnings
    items = in_own_thread(lambda: _Surveyor(place, question, told, complete, warnings).items())
    lost = any(
        holder.sandbox.state == "ready" and not any(item.sandbox and item.sandbox.id == holder.sandbox.id for item in items)
        for holder in told
    )
    return Answer(platform(), tuple(items), tuple(warnings)), lost


class _Surveyor:
    """One survey, in the thread that may switch namespaces. `complete`: every runtime of the node gave its answer."""

    def __init__(self, place: Place, question: Question, told: list[Holder], complete: bool, warnings: list[Warning]) -> None:
        self._place = place
        self._question = question
        self._told = told
        self._complete = complete
        self._warnings = warnings
        self._everything = question.pods is None
        self._owners: dict[int, list[SocketOwner]] | None = None

    def items(self) -> list[NetworkNamespace]:
        with ExitStack() as stack:
            visitor = Visitor(host_namespace(self._place, self._warnings), stack, self._question.show)
            host = visitor.host()
            found = holders.find(self._place, host.key[0], self._everything, stack)
            for holder in self._told:
                ownership.attach(self._place, host.key, found, holder)
            stale = names.read(self._place, found, host.key[0])
            if self._question.pods is not None:
                found = ownership.select(self._place, found, self._question.pods)
            ways = {key: one.way for key, one in found.items() if key != host.key and one.way}
            visits = self._visits(visitor, found, ways)
            if _points_to_unknown(host, visits.values()):
                host = visitor.host()  # a pod that started since the host's links were read has its end there by now
            numbers = visitor.unknown_numbers(visit.nsid for visit in visits.values()) if self._everything else []
            joined = peers.join(host, list(visits.values()), lambda a, b: visitor.number(ways.get(a), ways.get(b)))
            routed = [key for key in visits if peers.unbridged(joined[key])]
            through = visitor.host_routes(host) if routed else {}
            joined |= {key: peers.routed(joined[key], through) for key in routed}
        # with their peers; what was read first is let go
        visits = {visit.key: visit._replace(interfaces=joined[visit.key]) for visit in (*visits.values(), host)}
        described = [
            item
            for key, visit in sorted(visits.items(), key=lambda pair: _order(host.key, found, pair[0]))
            if key in found
            for item in self._describe(found[key], visit, host.key)
        ]
        if not self._everything:
            return _best(described)
        covered = (_hidden(one) for key, one in found.items() if one.hidden and key not in visits)
        lasting = [one for one in stale if names.persists(self._place, one, host.key[0])]
        rest = *covered, *(_numbered(nsid) for nsid in numbers), *map(_stale, lasting)
        items = [*crosscheck.duplicates(described), *rest]
        return self._sought(items, found, host.key) if self._question.clues else items

    def _sought(self, items: list[NetworkNamespace], found: dict[Key, Found], host: Key) -> list[NetworkNamespace]:
        from . import clues

        known = clues.Known(self._place, host, found, items)
        chosen = clues.select(known, self._question.clues, lambda item, holder: self._shared(item, found[host], holder))
        self._warnings += clues.dead_ends(known, self._question.clues, self._told)
        return chosen

    def _visits(self, visitor: Visitor, found: dict[Key, Found], ways: dict[Key, str]) -> dict[Key, Visit]:
        """What could be visited, and is what it was taken for. What is there but cannot be read is told.

        The process whose namespace it was may have ended, and others in it live on: then their ways are tried.
        """
        visits: dict[Key, Visit] = {}
        for key, outcome in zip(ways, visit_all(visitor, ways.values())):
            for path, way in found[key].other_ways(self._place) if _missed(key, outcome) else ():
                (outcome,) = visit_all(visitor, [way])
                if not _missed(key, outcome):
                    found[key].path, ways[key] = path, way
                    break
            if isinstance(outcome, Visit):
                if outcome.key == key:
                    visits[key] = outcome
            elif not is_gone(outcome):
                message = f"the namespace net:[{key[1]}] ({ways[key]}) could not be read: {outcome}"
                self._warnings.append(Warning("namespace-unreadable", message))
        return visits

    def _describe(self, one: Found, visit: Visit, host: Key) -> list[NetworkNamespace]:
        """The namespace's item; of the host's, when pods are asked for, an item for each of them that shares it."""
        if one.key == host:
            plain = self._item(one, visit, host, None)
            return [self._with_warnings(plain, one.holders)] if self._everything else [
                self._shared(plain, one, holder) for holder in one.holders
            ]  # fmt: skip
        holder = max(one.holders, key=lambda holder: ownership.rank(holder.sandbox), default=None)
        return [self._with_warnings(self._item(one, visit, host, holder), one.holders)]

    @staticmethod
    def _with_warnings(item: NetworkNamespace, holders: list[Holder]) -> NetworkNamespace:
        told = (warning for holder in holders for warning in holder.warnings)
        return item._replace(warnings=(*told, *item.warnings))

    def _shared(self, host: NetworkNamespace, one: Found, holder: Holder) -> NetworkNamespace:
        """The host's item as that of a pod which is on the node's network."""
        verdict, reason = host.verdict, host.reason
        if holder.seen is False:
            verdict, reason = "unknown", "the runtime says that it uses the node's network, but no process of it shows that"
        warnings = (*holder.warnings, *host.warnings, *self._notes(one, holder, one.key))
        return host._replace(pod=holder.pod, sandbox=holder.sandbox, verdict=verdict, reason=reason, warnings=warnings)

    def _notes(self, one: Found, holder: Holder | None, host: Key) -> list[Warning]:
        if holder is None:
            return []
        strangers = [] if one.key == host else ownership.strangers(holder, one.holders)
        return [*ownership.others(holder, self._told), *strangers]

    def _item(self, one: Found, visit: Visit, host: Key, holder: Holder | None) -> NetworkNamespace:
        sandbox, pod = None, None
        if holder:
            sandbox, pod = holder.sandbox, holder.pod
        elif one.key != host:
            sandbox, pod = ownership.inferred(self._place, one, self._told)
        verdict, reason = ownership.verdict(one, host, pod, sandbox, self._complete)
        command = processes.command(self._place, one.pids[0]) if one.pids else None
        return NetworkNamespace(
            node=None,
            namespace=Namespace(
                one.key[1], one.key[0], one.path or None, visit.nsid, one.held_by(), tuple(sorted({*one.mounts, *one.links}))
            ),
            role=ownership.role(one, host, pod, sandbox),
            pod=pod,
            sandbox=sandbox,
            verdict=verdict,
            interfaces=visit.interfaces,
            warnings=(*unconfirmed(visit.interfaces), *self._notes(one, holder, host)),
            container=holder.container if holder else None,
            process=Process(one.pids[0], command or "?") if one.pids else None,
            platform=platform(),
            reason=reason,
            routes=visit.contents.routes,
            neighbours=visit.contents.neighbours,
            rules=visit.contents.rules,
            sockets=self._owned(visit.contents.sockets),
        )

    def _owned(self, sockets: tuple[Socket, ...] | None) -> tuple[Socket, ...] | None:
        if sockets is None:
            return None
        from . import diag  # compiled only when asked for

        if self._owners is None:
            self._owners = diag.owners(self._place)
        return diag.with_owners(sockets, self._owners)


def host_namespace(place: Place, warnings: list[Warning]) -> str:
    """PID 1 is in the node's own namespace. Where it has capabilities that we lack, it may not be looked at: then ours counts."""
    way = place.process(1, "ns", "net")
    if os.access(way, os.R_OK):
        return way
    message = "PID 1's namespace may not be read: the one that this process runs in is taken for the host's"
    warnings.append(Warning("host-assumed", message))
    return os.path.join(place.proc, "self", "ns", "net")


def _missed(key: Key, outcome: Visit | Exception) -> bool:
    return outcome.key != key if isinstance(outcome, Visit) else is_gone(outcome)


def _points_to_unknown(host: Visit, visits: Iterable[Visit]) -> bool:
    indexes = {interface.index for interface in host.interfaces}
    return any(
        interface.link_nsid is not None and interface.link_nsid == visit.host_nsid and interface.link_index not in indexes
        for visit in visits
        for interface in visit.interfaces
    )


def _order(host: Key, found: dict[Key, Found], key: Key) -> tuple[bool, int, Key]:
    """The host first, then by the oldest process, then those without any."""
    one = found.get(key)
    return key != host, one.pids[0] if one and one.pids else 1 << 31, key


def _best(items: list[NetworkNamespace]) -> list[NetworkNamespace]:
    """Of each pod's items the one whose sandbox counts."""
    best: dict[object, NetworkNamespace] = {}
    for item in items:
        key = (item.pod.uid, item.pod.namespace, item.pod.name) if item.pod else item.namespace
        rival = best.get(key)
        if rival is None or ownership.rank(item.sandbox or NO_SANDBOX) > ownership.rank(rival.sandbox or NO_SANDBOX):
            best[key] = item
    return list(best.values())


def those_meant(found: Iterable[NetworkNamespace]) -> tuple[list[NetworkNamespace], list[str]]:
    """Of items that were found by a pod's name, those that count, the best first, and the pods' full names.

    Without a cluster no UID is known, and a runtime remembers former pods of the name too: their sandboxes are not ready.
    """
    ranked = sorted(found, key=lambda item: ownership.rank(item.sandbox or NO_SANDBOX), reverse=True)
    meant = [item for item in ranked if item.sandbox and item.sandbox.state == "ready"] or ranked
    return meant, sorted({f"{item.pod.namespace}/{item.pod.name}" for item in meant if item.pod})


def _hidden(one: Found) -> NetworkNamespace:
    reason = f"it cannot be entered: what holds it is a mount at {' and '.join(one.hidden)}, which another mount covers"
    return _unvisited(Namespace(one.key[1], one.key[0], None, None, one.held_by()), reason)


def _numbered(nsid: int) -> NetworkNamespace:
    reason = "only its number is known: something holds it that cannot be seen from here, and a link of the node leads into it"
    return _unvisited(Namespace(None, None, None, nsid, ("nsid",)), reason)


def _stale(one: names.Stale) -> NetworkNamespace:
    return _unvisited(Namespace(None, None, one.path, None, (), (one.path,)), one.reason, "named", "stale")


def _unvisited(namespace: Namespace, reason: str, role: str = "unknown", verdict: str = "unknown") -> NetworkNamespace:
    """One of which nothing is known but this."""
    return NetworkNamespace(None, namespace, role, None, None, verdict, (), platform=platform(), reason=reason)


def unconfirmed(interfaces: tuple[Interface, ...]) -> list[Warning]:
    return [
        Warning("peer-unconfirmed", f"{interface.name}: nothing on the host points back from index {interface.peer.index}")
        for interface in interfaces
        if interface.peer and interface.peer.on_host and interface.peer.name is None
    ]


def platform() -> str:
    """As Kubernetes writes it: linux/amd64."""
    machine = os.uname().machine
    return f"linux/{MACHINES.get(machine, machine)}"
