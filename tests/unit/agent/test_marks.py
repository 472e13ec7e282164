"""The mark on a link: what is read of it, whoever wrote it. That it is on the link itself is tried in tests/node."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.agent.marks import VERSION, Mark, parse
from kubectl_netns.aliases import Owner

MARK = Mark("shop_web", "/run/netns/cni-1", 4, 4026532576, "shop", "web", "8f0c", "2026-01-01T00:00:00Z", "me@here")
FACTS: dict[str, Any] = {"version": VERSION, **MARK._asdict()}
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def test_what_was_written_is_read() -> None:
    assert parse(json.dumps(FACTS).encode()) == MARK
    assert MARK.owner == Owner("shop", "web", "8f0c")


def test_without_a_uid_and_with_what_a_later_version_adds() -> None:
    assert parse(json.dumps({**FACTS, "uid": None, "colour": "blue"}).encode()) == MARK._replace(uid=None)


@pytest.mark.parametrize("name", MARK._asdict())
def test_every_fact_must_be_there_and_of_its_type(name: str) -> None:
    assert parse(json.dumps({key: value for key, value in FACTS.items() if key != name}).encode()) is None
    for wrong in ([], {}, True, 1.5, "1" if name in ("device", "inode") else 1):
        assert parse(json.dumps({**FACTS, name: wrong}).encode()) is None


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(value: bytes) -> None:
    assert parse(value) is None


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"null", b"[" * 30_000, b"\xff", b'"name"'])
def test_what_is_no_mark(value: bytes) -> None:
    assert parse(value) is None
