"""A node may send an escape sequence as any text, also where only `up` or a MAC is expected: none reaches the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_netns.render import document, ip, table
from tests.unit.facts import ALL, NASTY


def poisoned(fact: Any) -> Any:
    """A fact with every text in it replaced, however deep."""
    if isinstance(fact, str):
        return NASTY
    if not isinstance(fact, tuple):
        return fact
    changed = [poisoned(one) for one in fact]
    return type(fact)(*changed) if hasattr(fact, "_fields") else tuple(changed)


@pytest.mark.parametrize("name", [name for name in ALL if name != "CROWDED"])
def test_whatever_word_a_node_lies_in_the_text_is_printable(name: str) -> None:
    item = poisoned(ALL[name])
    assert NASTY in (item.role, item.verdict)
    texts = [table.card(item, True), table.listing([item, item], True), table.listing([item], False), table.cards([item], False),
             ip.addresses([item, item]), document.names([item]), document.as_json([item], True), document.as_yaml([item], True)]  # fmt: skip
    for text in texts:
        assert all(line.replace("\t", "").isprintable() for line in text.split("\n"))


def test_a_table_has_as_many_lines_as_facts() -> None:
    """A line break in a cell would let a node make up lines of its own."""
    honest, liar = ALL["CONTAINERD"], poisoned(ALL["CONTAINERD"])
    assert len(table.listing([liar], True).splitlines()) == len(table.listing([honest], True).splitlines())
    assert len(ip.addresses([liar]).splitlines()) == len(ip.addresses([honest]).splitlines())
