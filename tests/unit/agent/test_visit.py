"""Visiting many namespaces: what one path leads to never spoils another's answer."""

from __future__ import annotations

from typing import cast

import pytest

from kubectl_netns.agent.enter import NotANamespace
from kubectl_netns.agent.visit import Visit, Visitor, visit_all


class Guided:
    def __init__(self, ways: dict[str, Visit | Exception]) -> None:
        self._ways = ways

    def visit(self, path: str) -> Visit:
        outcome = self._ways[path]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


FOUND = Visit((4, 1), ())
WAYS = {
    "/run/netns/a": FOUND,
    "/run/netns/gone": FileNotFoundError(2, "gone"),
    "/run/netns/stale": NotANamespace("/run/netns/stale"),
    "/proc/7/ns/net": PermissionError(1, "no"),
    "/run/netns/odd": ValueError("netlink: a header was cut short"),
    "/run/netns/slow": TimeoutError("timed out"),
    "/run/netns/b": Visit((4, 2), ()),
}


def test_every_path_has_its_visit_or_its_reason() -> None:
    assert visit_all(cast(Visitor, Guided(WAYS)), WAYS) == list(WAYS.values())


def test_what_is_our_own_fault_is_not_hidden() -> None:
    with pytest.raises(AttributeError):
        visit_all(cast(Visitor, Guided({"/a": AttributeError("a bug")})), ["/a"])
