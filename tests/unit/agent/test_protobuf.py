"""Protobuf's wire format: the specification's own examples, round trips, and whatever else may come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_netns.agent.runtimes.protobuf import Message, decode, encode, nested, nested_list, number, string, strings_map

from .cri_server import message

DECODED = {
    "nothing": ("", {}),
    "150": ("089601", {1: [150]}),
    "testing": ("120774657374696e67", {2: [b"testing"]}),
    "nested": ("1a03089601", {3: [b"\x08\x96\x01"]}),
    "repeated": ("320103320102", {6: [b"\x03", b"\x02"]}),
    "packed": ("3206038e029ea705", {6: [bytes.fromhex("038e029ea705")]}),
    "empty-string": ("1200", {2: [b""]}),
    "minus-one": ("08ffffffffffffffffff01", {1: [(1 << 64) - 1]}),
    "padded-varint": ("08808000", {1: [0]}),
    "fixed-64": ("090102030405060708", {1: [b"\x01\x02\x03\x04\x05\x06\x07\x08"]}),
    "fixed-32": ("0d01020304", {1: [b"\x01\x02\x03\x04"]}),
    "last-field-number": ("f8ffffff0f01", {(1 << 29) - 1: [1]}),
    "mixed": ("0801120161080a", {1: [1, 10], 2: [b"a"]}),
}


@pytest.mark.parametrize(("data", "expected"), DECODED.values(), ids=DECODED.keys())
def test_decode(data: str, expected: Message) -> None:
    assert decode(bytes.fromhex(data)) == expected


MALFORMED = {
    "key-cut": "88",
    "number-cut": "0896",
    "number-missing": "08",
    "length-missing": "12",
    "string-cut": "1207746573",
    "length-enormous": "12ffffffffffffffff7f61",
    "fixed-64-cut": "0901020304050607",
    "fixed-32-cut": "0d010203",
    "eleven-bytes": "0880808080808080808080" + "01",
    "field-0": "0001",
    "group-start": "0b",
    "group-end": "0c",
    "wire-type-6": "0e",
    "wire-type-7": "0f",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(data: str) -> None:
    with pytest.raises(ValueError, match="protobuf"):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, ""), ({1: "3f1c", 2: True}, "0a04336631631001"), ({2: False}, "1000"), ({1: ""}, "0a00"), ({1: "é"}, "0a02c3a9"),
     ({1: "x" * 300}, "0aac02" + "78" * 300), ({100: True}, "a00601")],
)  # fmt: skip
def test_encode(fields: dict[int, str | bool], expected: str) -> None:
    assert encode(fields).hex() == expected


NESTED = decode(message((1, 7), (1, -2), (2, "a"), (2, "b"), (3, message((1, "k"), (2, "v"))), (3, message((1, "only key"))),
                        (4, b"\xff\xfe")))  # fmt: skip


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda: number(NESTED, 1), -2),
        (lambda: number(NESTED, 9), 0),
        (lambda: number(NESTED, 9, 5), 5),
        (lambda: number(decode(message((1, 1 << 63))), 1), -(1 << 63)),
        (lambda: number(decode(message((1, (1 << 63) - 1))), 1), (1 << 63) - 1),
        (lambda: string(NESTED, 2), "b"),
        (lambda: string(NESTED, 9), ""),
        (lambda: string(NESTED, 4), "\\xff\\xfe"),
        (lambda: nested(NESTED, 3), {1: [b"only key"]}),
        (lambda: nested(NESTED, 9), {}),
        (lambda: nested_list(NESTED, 3), [{1: [b"k"], 2: [b"v"]}, {1: [b"only key"]}]),
        (lambda: nested_list(NESTED, 9), []),
        (lambda: strings_map(NESTED, 3), {"k": "v", "only key": ""}),
    ],
)
def test_fields_are_read_by_number(read: Callable[[], Any], expected: Any) -> None:
    assert read() == expected


@pytest.mark.parametrize(
    "read",
    [lambda: number(NESTED, 2), lambda: string(NESTED, 1), lambda: nested(NESTED, 1), lambda: nested(NESTED, 4),
     lambda: nested_list(NESTED, 1), lambda: strings_map(NESTED, 2)],
)  # fmt: skip
def test_a_field_of_another_type_is_refused(read: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="protobuf"):
        read()


@given(st.dictionaries(st.integers(1, (1 << 29) - 1), st.booleans() | st.text(), max_size=5))
def test_what_is_encoded_is_decoded(fields: dict[int, str | bool]) -> None:
    found = decode(encode(fields))
    assert {key: bool(number(found, key)) if isinstance(value, bool) else string(found, key)
            for key, value in fields.items()} == fields  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-(1 << 63), (1 << 63) - 1) | st.binary()), max_size=6))
def test_any_message_is_decoded(fields: list[tuple[int, int | bytes]]) -> None:
    expected: Message = {}
    for key, value in fields:
        expected.setdefault(key, []).append(value & (1 << 64) - 1 if isinstance(value, int) else value)
    assert decode(message(*fields)) == expected


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_decoded_or_refused(data: bytes) -> None:
    for read in (nested, nested_list, strings_map):
        try:
            read({1: [data]}, 1)
        except ValueError:
            pass
