"""Make a fact of the hot path: what a frozen dataclass's own __init__ does, field by field, in one step and a third of the time.

A node has thousands of addresses. The price: every field must be named, since no default is filled in, and the instances share no
table of names, which is nothing for an address but would cost a kibibyte for each interface.
"""

from __future__ import annotations

from typing import Any, TypeVar

Fact = TypeVar("Fact")


def fact(cls: type[Fact], **fields: Any) -> Fact:
    """`cls` is a frozen dataclass without slots; `fields` are all of its fields."""
    made = object.__new__(cls)
    object.__setattr__(made, "__dict__", fields)
    return made
