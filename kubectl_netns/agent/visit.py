"""Go into namespaces and bring back what is in them. Everything here runs in the one thread that `enter.in_own_thread` gives.

The host's links are read first: reading them makes the kernel number the namespaces that its veths lead to, and those numbers
are what `peers.py` compares.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import NamedTuple

from ..model import Interface
from . import contents
from .contents import NOTHING, Contents
from .enter import Key, NotANamespace, enter, key_of, opened
from .links import nsid_of, nsids, read_interfaces
from .netlink import Netlink

GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.ENXIO)
WIREGUARD = "wireguard"
MAIN = 254  # RT_TABLE_MAIN


class Visit(NamedTuple):
    """One namespace as found. `nsid` is its number on the host, `host_nsid` the host's number in it; None: not numbered."""

    key: Key
    interfaces: tuple[Interface, ...]
    nsid: int | None = None
    host_nsid: int | None = None
    contents: Contents = NOTHING


def with_wireguard(interfaces: tuple[Interface, ...]) -> tuple[Interface, ...]:
    """The interfaces of the thread's namespace, WireGuard's with their peers; what the kernel does not tell stays unknown."""
    if WIREGUARD not in [interface.kind for interface in interfaces]:
        return interfaces
    from . import wireguard

    completed = []
    with Netlink(protocol=wireguard.NETLINK_GENERIC) as generic:
        for interface in interfaces:
            if interface.kind == WIREGUARD:
                with suppress(OSError, ValueError):
                    interface = interface._replace(tunnel=wireguard.tunnel(generic, interface.index))
            completed.append(interface)
    return tuple(completed)


class Visitor:
    """Keeps the host's namespace at hand while others are visited."""

    def __init__(self, host_path: str, stack: ExitStack, show: tuple[str, ...] = ()) -> None:
        self._show = show
        self._host = stack.enter_context(opened(host_path))
        enter(self._host)
        self._netlink = stack.enter_context(Netlink())

    def host(self) -> Visit:
        enter(self._host)
        interfaces = self._interfaces(self._netlink)
        return Visit(key_of(self._host), interfaces, contents=contents.read(self._netlink, interfaces, self._show))

    def visit(self, path: str) -> Visit:
        """Raises OSError when the namespace is gone or cannot be entered, NotANamespace when the path leads to none."""
        with opened(path) as descriptor:
            enter(descriptor)
            with Netlink() as netlink:
                interfaces = self._interfaces(netlink)
                inside = contents.read(netlink, interfaces, self._show)
                linked = [one for one in interfaces if one.link_nsid is not None]
                host_nsid = nsid_of(netlink, self._host) if linked else None
            return Visit(key_of(descriptor), interfaces, nsid_of(self._netlink, descriptor), host_nsid, inside)

    def _interfaces(self, netlink: Netlink) -> tuple[Interface, ...]:
        return with_wireguard(read_interfaces(netlink, extended="statistics" in self._show))

    def unknown_numbers(self, known: Iterable[int | None]) -> list[int]:
        """The nsids that the host has given to namespaces other than these: held by something out of sight.

        Their links could be dumped by number, but then the kernel would number what those lead to: nothing is changed.
        """
        try:
            return sorted(nsids(self._netlink) - set(known) - {nsid_of(self._netlink, self._host)})
        except OSError:
            return []

    def host_routes(self, host: Visit) -> dict[str, list[str]]:
        """The destinations of the host's main table, by device."""
        from .routes import read_routes

        through: dict[str, list[str]] = {}
        self._netlink.be_strict()
        for route in read_routes(self._netlink, {one.index: one.name for one in host.interfaces}, MAIN):
            if route.table == "main":  # an old kernel gives all of them
                through.setdefault(route.device or "", []).append(route.destination)
        return through

    def number(self, path: str | None, other: str | None) -> int | None:
        """The number by which the namespace at `path` knows the one at `other`; None when it has none, or either is gone."""
        if path is None or other is None:
            return None
        try:
            with opened(path) as here, opened(other) as there:
                enter(here)
                with Netlink() as netlink:
                    return nsid_of(netlink, there)
        except (OSError, NotANamespace):
            return None


def visit_all(visitor: Visitor, paths: Iterable[str]) -> list[Visit | Exception]:
    """What each path led to, or why it led nowhere."""
    visits: list[Visit | Exception] = []
    for path in paths:
        try:
            visits.append(visitor.visit(path))
        except (OSError, NotANamespace, ValueError) as error:
            visits.append(error)
    return visits


def is_gone(error: Exception) -> bool:
    """Whether the failure of a visit means that there was nothing to visit any more."""
    return isinstance(error, NotANamespace) or (isinstance(error, OSError) and error.errno in GONE)
