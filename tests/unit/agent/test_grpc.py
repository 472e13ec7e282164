"""gRPC calls against a real HTTP/2 server in this process, well-behaved and otherwise."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from kubectl_netns.agent.runtimes.grpc import Channel, GrpcError

from .cri_server import INTERNAL, NOT_FOUND, UNIMPLEMENTED, CriServer, Manner, Replies

METHOD = "/runtime.v1.RuntimeService/Version"
TIMEOUT = 0.3


def call(path: Path, request: bytes = b"question", timeout: float = 5.0) -> bytes:
    with Channel(str(path), timeout) as channel:
        return channel.call(METHOD, request)


@pytest.mark.parametrize(
    "manner",
    [Manner(), Manner(split=1), Manner(split=7), Manner(frame=1), Manner(frame=3, split=11)],
    ids=["plain", "byte-by-byte", "split-anywhere", "a-frame-a-byte", "small-frames-split"],
)
@pytest.mark.parametrize("reply", [b"", b"x", bytes(range(200))], ids=["empty", "one-byte", "longer"])
def test_a_reply_arrives_however_it_is_cut(tmp_path: Path, manner: Manner, reply: bytes) -> None:
    with CriServer(tmp_path / "s", {METHOD: (0, reply)}, manner) as server:
        assert call(tmp_path / "s") == reply
    assert server.calls == [(METHOD, b"question")]


@pytest.mark.parametrize("size", [65_530, 65_535, 65_536, 1_000_000])
def test_a_reply_may_be_larger_than_the_flow_control_window(tmp_path: Path, size: int) -> None:
    reply = b"0123456789abcdef" * (size // 16) + b"x" * (size % 16)
    with CriServer(tmp_path / "s", {METHOD: (0, reply)}), Channel(str(tmp_path / "s"), 5.0) as channel:
        assert [channel.call(METHOD, b"") == reply for _ in range(3)] == [True] * 3


def test_calls_follow_each_other_on_one_connection_and_failures_leave_it_usable(tmp_path: Path) -> None:
    replies: Replies = {"/s/Echo": lambda request: (0, request * 2), "/s/Gone": (NOT_FOUND, b"no such sandbox")}
    with CriServer(tmp_path / "s", replies) as server, Channel(str(tmp_path / "s"), 5.0) as channel:
        assert channel.call("/s/Echo", b"ab") == b"abab"
        with pytest.raises(GrpcError):
            channel.call("/s/Gone", b"")
        assert channel.call("/s/Echo", b"") == b""
    assert server.calls == [("/s/Echo", b"ab"), ("/s/Gone", b""), ("/s/Echo", b"")]


@pytest.mark.parametrize("late", [False, True], ids=["in-headers", "in-trailers"])
@pytest.mark.parametrize(
    ("replies", "status", "text"),
    [
        ({METHOD: (NOT_FOUND, "no such sandbox: “3f1c” 100%".encode())}, NOT_FOUND, "no such sandbox: “3f1c” 100%"),
        ({METHOD: (INTERNAL, b"")}, INTERNAL, "HTTP status 200"),
        ({}, UNIMPLEMENTED, "unknown service runtime.v1.RuntimeService"),
    ],
)
def test_a_failure_has_its_status_and_reason(tmp_path: Path, replies: Replies, status: int, text: str, late: bool) -> None:
    with CriServer(tmp_path / "s", replies, Manner(late_failure=late)), pytest.raises(GrpcError, match=text) as raised:
        call(tmp_path / "s")
    assert raised.value.status == status


SENSELESS = {
    "closing": (Manner(closing=True), "closed|pipe|reset"),
    "resetting": (Manner(resetting=True), "HTTP/2 error"),
    "http-without-grpc": (Manner(http_only=True), "HTTP status 404"),
    "zeroes": (Manner(instead=b"\0" * 64), "no sensible answer"),
    "bad-hpack": (Manner(instead=bytes.fromhex("000000040000000000" "000002010500000001" "ffff")), "no sensible answer"),
    "header-not-utf8": (Manner(instead=bytes.fromhex("000000040000000000" "000007010400000001" "88" "000178" "02ff" "fe")),
                        "no sensible answer"),
    "goaway": (Manner(instead=bytes.fromhex("000000040000000000" "000008070000000000" "00000000" "00000002")), "HTTP/2 error"),
    "compressed": (Manner(compressed=True), "not one whole message"),
    "prefix-cut": (Manner(body=lambda framed: framed[:3]), "not one whole message"),
    "no-body": (Manner(body=lambda framed: b""), "not one whole message"),
    "message-cut": (Manner(body=lambda framed: framed[:-1]), "not one whole message"),
    "too-long": (Manner(body=lambda framed: framed + b"x"), "not one whole message"),
    "two-messages": (Manner(body=lambda framed: framed * 2), "not one whole message"),
}  # fmt: skip


@pytest.mark.parametrize(("manner", "text"), SENSELESS.values(), ids=SENSELESS.keys())
def test_what_is_no_answer_is_an_error(tmp_path: Path, manner: Manner, text: str) -> None:
    with CriServer(tmp_path / "s", {METHOD: (0, b"reply")}, manner), pytest.raises(GrpcError, match=text) as raised:
        call(tmp_path / "s", timeout=5.0)
    assert raised.value.status is None


ENDLESS = {
    "silent": Manner(silent=True),
    "pinging": Manner(pinging=True),
    "half-a-frame": Manner(instead=b"\0\0\x12\x04\0\0"),
    "http-1-is-half-a-long-frame": Manner(instead=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "noise-is-half-a-long-frame": Manner(instead=b"\xde\xad\xbe\xef" * 50),
}


@pytest.mark.parametrize("manner", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_call_ends_in_time(tmp_path: Path, manner: Manner) -> None:
    start = time.monotonic()
    with CriServer(tmp_path / "s", {}, manner), pytest.raises(GrpcError, match="timed out"):
        call(tmp_path / "s", timeout=TIMEOUT)
    assert TIMEOUT * 0.9 < time.monotonic() - start < 4 * TIMEOUT


def test_a_reply_too_large_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_netns.agent.runtimes.grpc.MAX_REPLY", 1000)
    with CriServer(tmp_path / "s", {METHOD: (0, b"x" * 2000)}), pytest.raises(GrpcError, match="more than 1000 bytes"):
        call(tmp_path / "s")


@pytest.mark.parametrize(("what", "text"), [("missing", "No such file"), ("plain", "Connection refused"),
                                            ("left-over", "Connection refused")])  # fmt: skip
def test_nobody_there(tmp_path: Path, what: str, text: str) -> None:
    (tmp_path / "plain").touch()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "left-over"))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(GrpcError, match=text):
        call(tmp_path / what)
    assert os.listdir("/proc/self/fd") == before
