"""A namespace as the agent has found it, with whatever a test says of what holds it."""

from __future__ import annotations

from typing import Any

from kubectl_netns.agent.enter import Key
from kubectl_netns.agent.holders import Found


def held(key: Key, **lists: list[Any]) -> Found:
    """The lists that are named, all others empty."""
    one = Found(key, "", "")
    for name, value in lists.items():
        assert getattr(one, name) == [], name
        setattr(one, name, value)
    return one
