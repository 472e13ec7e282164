"""Netlink's framing: requests that the kernel understands, answers cut into messages, and every way in which a dump fails."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_netns.agent.links import nsid_of, read_interfaces
from kubectl_netns.agent.netlink import (
    MAX_LAYOUTS,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    RECEIVE,
    TRIES,
    Netlink,
    Picker,
    attribute,
    attribute_list,
    attributes,
    split,
)

MULTI = 0x2
Script = list[Callable[[int], list[bytes]]]
"""What the kernel sends for the first, second, … request: from its sequence number to datagrams."""


def message(kind: int, payload: bytes = b"", sequence: int = 1, flags: int = MULTI) -> bytes:
    whole = struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 4711) + payload
    return whole + b"\0" * (-len(whole) % 4)


def done(sequence: int, code: int = 0, flags: int = MULTI) -> bytes:
    return message(NLMSG_DONE, struct.pack("=i", code), sequence, flags)


def error(sequence: int, code: int) -> bytes:
    return message(NLMSG_ERROR, struct.pack("=i", code) + b"\0" * 16, sequence, 0)


class Kernel:
    """Stands in for the socket: answers each request with what its script says, and nothing else."""

    def __init__(self, script: Script) -> None:
        self.script, self.requests, self.waiting = script, list[bytes](), list[bytes]()

    def send(self, request: bytes) -> None:
        self.waiting += self.script[len(self.requests)](struct.unpack_from("=IHHII", request)[3])
        self.requests.append(request)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As a real one: what is longer than the buffer is cut, and only MSG_TRUNC has its length told (here: by the length itself)."""
        assert self.waiting, "the reader waits for more than the kernel sends"
        data = self.waiting.pop(0)
        return data if flags & socket.MSG_TRUNC else data[:size]

    def close(self) -> None:
        pass


def talking_to(*script: Callable[[int], list[bytes]]) -> tuple[Netlink, Kernel]:
    netlink, kernel = Netlink(), Kernel(list(script))
    netlink._socket.close()
    netlink._socket = cast(Any, kernel)
    return netlink, kernel


def test_a_dump_asks_once_and_takes_all_datagrams() -> None:
    netlink, kernel = talking_to(
        lambda n: [message(16, b"aaaa", n) + message(16, b"bbbbb", n), message(16, b"", n), message(20, b"c", n) + done(n)]
    )
    assert netlink.dump(18, b"body") == [(16, b"aaaa"), (16, b"bbbbb"), (16, b""), (20, b"c")]
    assert kernel.requests == [struct.pack("=IHHII", 20, 18, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + b"body"]


def test_each_request_has_its_own_number_and_other_numbers_are_ignored() -> None:
    netlink, kernel = talking_to(
        lambda n: [message(16, b"left over", n + 9) + error(n + 9, -errno.EIO), done(n + 9), message(16, b"mine", n) + done(n)],
        lambda n: [message(16, b"late", n - 1), done(n - 1), message(16, b"next", n) + done(n)],
    )
    assert [netlink.dump(18, b""), netlink.dump(18, b"")] == [[(16, b"mine")], [(16, b"next")]]
    assert [struct.unpack_from("=IHHII", request)[3] for request in kernel.requests] == [1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        lambda n: [error(n, -errno.EPERM)],
        lambda n: [done(n, -errno.EPERM)],
        lambda n: [message(16, b"aaaa", n), done(n, -errno.EPERM)],
        lambda n: [message(16, b"aaaa", n, MULTI | NLM_F_DUMP_INTR), done(n, -errno.EPERM)],
    ],
    ids=["NLMSG_ERROR", "NLMSG_DONE", "NLMSG_DONE-after-rows", "NLMSG_DONE-of-an-interrupted-dump"],
)
def test_the_kernels_refusal_is_an_oserror(answer: Callable[[int], list[bytes]]) -> None:
    netlink, _ = talking_to(answer)
    with pytest.raises(PermissionError):
        netlink.dump(18, b"")


@pytest.mark.parametrize(
    "first",
    [
        lambda n: [message(16, b"old", n, MULTI | NLM_F_DUMP_INTR) + message(16, b"old", n), done(n)],
        lambda n: [message(16, b"old", n), message(16, b"old", n, MULTI | NLM_F_DUMP_INTR) + done(n)],
        lambda n: [message(16, b"old", n), done(n, flags=MULTI | NLM_F_DUMP_INTR)],
    ],
    ids=["on-the-first-row", "on-the-last-row", "on-the-end"],
)
def test_an_interrupted_dump_is_read_again(first: Callable[[int], list[bytes]]) -> None:
    netlink, kernel = talking_to(first, lambda n: [message(16, b"new", n), done(n)])
    assert netlink.dump(18, b"") == [(16, b"new")]
    assert len(kernel.requests) == 2


def test_a_table_that_never_stands_still_is_given_up() -> None:
    netlink, kernel = talking_to(*[lambda n: [done(n, flags=NLM_F_DUMP_INTR)]] * (TRIES + 1))
    with pytest.raises(OSError) as raised:
        netlink.dump(18, b"")
    assert (raised.value.errno, len(kernel.requests)) == (errno.EAGAIN, TRIES)


def test_a_message_larger_than_the_buffer_is_no_answer() -> None:
    netlink, _ = talking_to(lambda n: [message(16, b"x" * RECEIVE, n) + done(n)])
    with pytest.raises(OSError) as raised:
        netlink.dump(18, b"")
    assert raised.value.errno == errno.EMSGSIZE


def test_get_takes_the_one_answer() -> None:
    netlink, kernel = talking_to(lambda n: [message(88, b"stale", n + 1), message(88, b"nsid", n, 0)])
    assert netlink.get(90, b"body") == (88, b"nsid")
    assert struct.unpack_from("=IHHII", kernel.requests[0])[2] == NLM_F_REQUEST


@pytest.mark.parametrize(("code", "expected"), [(-errno.EBADF, errno.EBADF), (0, errno.ENODATA)])
def test_get_without_an_answer_is_an_oserror(code: int, expected: int) -> None:
    netlink, _ = talking_to(lambda n: [error(n, code)])
    with pytest.raises(OSError) as raised:
        netlink.get(90, b"")
    assert raised.value.errno == expected


def test_the_real_kernel_answers() -> None:
    with Netlink() as netlink:
        interfaces = read_interfaces(netlink)
        with pytest.raises(OSError) as raised:
            nsid_of(netlink, 1 << 20)
    assert "loopback" in [one.kind for one in interfaces]
    assert raised.value.errno == errno.EBADF


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0" * 15,
        b"\0" * 16,
        struct.pack("=IHHII", 15, 16, 0, 1, 0),
        struct.pack("=IHHII", 17, 16, 0, 1, 0),
        struct.pack("=IHHII", 0xFFFFFFFF, 16, 0, 1, 0),
        message(16, b"aaaa") + b"\0\0\0\0",
        message(16, b"aaaa")[:-1],
    ],
)
def test_a_malformed_datagram_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="netlink"):
        split(data, 1, [])


@pytest.mark.parametrize("size", [0, 2, 3])
def test_an_end_without_a_whole_code_is_the_end(size: int) -> None:
    found: list[tuple[int, bytes]] = []
    assert split(message(16, b"aaaa") + message(NLMSG_DONE, b"\xff" * size), 1, found) == (0, MULTI)
    assert found == [(16, b"aaaa")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (attribute(1, b""), [(1, b"")]),
        (attribute(1, b"abcde") + attribute(2, b"f"), [(1, b"abcde"), (2, b"f")]),
        (attribute(1, b"a") + attribute(1, b"b"), [(1, b"a"), (1, b"b")]),
        (attribute(0x8000 | 18, b"nest"), [(18, b"nest")]),
        (attribute(0x4000 | 3, b"net!"), [(3, b"net!")]),
        (attribute(1, b"a")[:5], [(1, b"a")]),
        (attribute(1, b"abcd") + b"\0\0\0", [(1, b"abcd")]),
    ],
    ids=["none", "empty", "padded", "repeated", "nested-flag", "byte-order-flag", "last-unpadded", "trailing-padding"],
)
def test_attributes(data: bytes, expected: list[tuple[int, bytes]]) -> None:
    assert list(attribute_list(data)) == expected
    assert attributes(b"head" + data, 4) == dict(expected)


@pytest.mark.parametrize(
    "data", [struct.pack("=HH", 0, 1), struct.pack("=HH", 3, 1), struct.pack("=HH", 5, 1), attribute(1, b"a") + b"\xff" * 4]
)
def test_malformed_attributes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="netlink"):
        attributes(data)


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=30)), max_size=5))
def test_attributes_round_trip(pairs: list[tuple[int, bytes]]) -> None:
    assert list(attribute_list(b"".join(attribute(kind, value) for kind, value in pairs))) == pairs


SIZES = {"s": None, "B": 1, "H": 2, "I": 4, "i": 4}
FORMS = st.dictionaries(st.integers(0, 6), st.sampled_from(sorted(SIZES)), min_size=2, max_size=7)
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=5)), max_size=6)


@settings(max_examples=300)
@given(FORMS, st.lists(PAIRS, min_size=1, max_size=6))
def test_a_picker_picks_what_is_there(forms: dict[int, str], runs: list[list[tuple[int, bytes]]]) -> None:
    """Whatever it has learned from the runs before: each comes twice, and many have the same length and the same beginning."""
    picker = Picker(forms)
    for pairs in [*runs, *runs]:
        sound = {kind: value for kind, value in pairs if kind in forms and SIZES[forms[kind]] in (None, len(value))}
        expected = [
            found if form == "s" or found is None else struct.unpack(f"={form}", found)[0]
            for found, form in ((sound.get(kind), form) for kind, form in forms.items())
        ]
        run = b"".join(attribute(kind, value) for kind, value in pairs)
        assert picker(b"head" + run, 4) == tuple(expected)


def test_a_picker_remembers_so_many_layouts_and_no_more() -> None:
    picker = Picker({1: "s", 2: "I"})
    for length in range(MAX_LAYOUTS * 2):
        assert picker(attribute(1, b"a" * length), 0) == (b"a" * length, None)
    assert len(vars(picker)["_layouts"]) == MAX_LAYOUTS


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_arbitrary_bytes_are_picked_from_or_refused(runs: list[bytes]) -> None:
    picker = Picker({1: "s", 2: "I"})
    for data in [*runs, *runs]:
        try:
            known = attributes(data).get(1)
        except ValueError:
            with pytest.raises(ValueError, match="netlink"):
                picker(data, 0)
        else:
            assert picker(data, 0)[0] == known


@settings(max_examples=300)
@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_parsed_or_refused(data: bytes) -> None:
    for parse in (lambda data: split(data, 1, []), attribute_list):
        try:
            list(parse(data))
        except ValueError:
            pass


def test_a_kernel_that_does_not_answer_is_not_waited_for() -> None:
    with Netlink() as netlink:
        real = netlink._socket
        mute: Any = SimpleNamespace(send=len, recv=real.recv, close=real.close)  # takes the request, and that is all
        netlink._socket = mute
        with pytest.raises(BlockingIOError):
            netlink.dump(18, b"")
