"""What is inside a namespace besides its interfaces: read only what was asked for, in the thread that is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ..model import Interface
from ..tables import Neighbour, Route, Rule, Socket
from .netlink import Netlink


class Contents(NamedTuple):
    """None: not asked for."""

    routes: tuple[Route, ...] | None = None
    neighbours: tuple[Neighbour, ...] | None = None
    rules: tuple[Rule, ...] | None = None
    sockets: tuple[Socket, ...] | None = None


NOTHING = Contents()


def read(netlink: Netlink, interfaces: Iterable[Interface], show: Collection[str]) -> Contents:
    """`show` is what Question.show has. Raises OSError, or ValueError when the kernel's words make no sense."""
    if not show or set(show) == {"statistics"}:
        return NOTHING
    # imported only when asked for: the agent is compiled anew each time
    from . import diag, neighbours, routes

    names = {interface.index: interface.name for interface in interfaces}
    sockets = None
    if "sockets" in show:
        with Netlink(protocol=diag.NETLINK_SOCK_DIAG) as questions:
            sockets = diag.read_sockets(questions, names)
    return Contents(
        routes=routes.read_routes(netlink, names) if "routes" in show else None,
        neighbours=neighbours.read_neighbours(netlink, names) if "neighbours" in show else None,
        rules=routes.read_rules(netlink) if "rules" in show else None,
        sockets=sockets,
    )
