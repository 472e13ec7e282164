"""Frames and facts: what is sent arrives whole and right, or is refused with ProtocolError, whatever came instead."""

from __future__ import annotations

import io
import json
import struct
import types
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_netns import wire
from kubectl_netns.errors import ProtocolError
from kubectl_netns.model import (
    Address,
    Interface,
    Namespace,
    NetworkNamespace,
    Peer,
    Pod,
    Process,
    Sandbox,
    Statistics,
    Warning,
)
from kubectl_netns.questions import Answer, Clue, Question
from kubectl_netns.wire import HEADER, MAGIC, Kind, Reader, Writer, decode, encode

WEB = Pod("shop", "web-6d5f", "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f", ("10.244.2.14", "fd00::e"), False)
ETH0 = Interface(
    index=2, name="eth0", kind="veth", state="up", flags=("UP", "LOWER_UP"), mtu=1450, mac="02:00:00:00:00:02",
    altnames=("net0",), alias='to "web" \x1b[31m \udcff ✓', master=None, parent=None,
    addresses=(Address("inet", "10.244.2.14", 24, "global", flags=("permanent",), valid_lifetime=3597),),
    peer=Peer(4026531840, 7, "veth1a2b", "cni0", True, 0), statistics=Statistics(1, 2, 3, 4, 5, 6, 7, 1 << 63),
    link_index=7, link_nsid=0,
)  # fmt: skip
POD_NAMESPACE = NetworkNamespace(
    node=None, namespace=Namespace(4026532576, 4, "/run/netns/cni-26d4", 3, ("process", "mount")), role="pod", pod=WEB,
    sandbox=Sandbox("3f1c" * 16, "containerd", "ready", 4711, 0, "2026-01-01T00:00:00Z", "cri"), verdict="owned",
    interfaces=(ETH0,), warnings=(Warning("pod-ip-missing", "…"),), process=Process(4711, "pause"), platform="linux/amd64",
)  # fmt: skip
ANSWER = Answer("linux/amd64", (POD_NAMESPACE, POD_NAMESPACE._replace(pod=None, sandbox=None)))


def conversation(noise: bytes = b"") -> bytes:
    sent = io.BytesIO()
    sent.write(noise)
    writer = Writer(sent.write)
    writer.send(Kind.HELLO, b'{"version": 1, "nonce": "n"}')
    writer.send(Kind.PING)
    writer.send(Kind.ANSWER, encode(Answer("linux/amd64", ())))
    writer.end()
    return sent.getvalue()


def heard(data: bytes, portion: int = 1 << 20) -> list[tuple[Kind, bytes]]:
    """All frames up to END, read in portions of so many bytes."""
    stream = io.BytesIO(data)
    reader = Reader(lambda count: stream.read(min(count, portion)))
    frames = [reader.receive()]
    while frames[-1][0] is not Kind.END:
        frames.append(reader.receive())
    return frames


def frame(kind: int, payload: bytes = b"", length: int | None = None) -> bytes:
    return HEADER.pack(MAGIC, kind, len(payload) if length is None else length) + payload


@pytest.mark.parametrize("portion", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    "noise",
    [b"", b"Welcome to Alpine!\r\n$ ", b"\0", b"\0KN", b"\0\0KN\0K", b"\x00KN" * 100, b"x" * (wire.MAX_NOISE - 1)],
    ids=["none", "greeting", "nul", "half-magic", "magic-in-pieces", "many-half-magics", "as-much-as-allowed"],
)
def test_a_conversation_arrives_after_any_noise(noise: bytes, portion: int) -> None:
    kinds, payloads = zip(*heard(conversation(noise), portion))
    assert kinds == (Kind.HELLO, Kind.PING, Kind.ANSWER, Kind.END)
    assert payloads[:3] == (b'{"version": 1, "nonce": "n"}', b"", encode(Answer("linux/amd64", ())))


@pytest.mark.parametrize("noise", [b"", b"sh: can't access tty\n\0KN"])
def test_a_conversation_cut_at_any_byte_is_refused(noise: bytes) -> None:
    whole = conversation(noise)
    for length in range(len(whole)):
        with pytest.raises(ProtocolError):
            heard(whole[:length])


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_a_conversation_changed_at_any_byte_is_refused(bits: int) -> None:
    whole = bytearray(conversation())
    for position in range(len(whole)):
        whole[position] ^= bits
        with pytest.raises(ProtocolError):
            heard(bytes(whole))
        whole[position] ^= bits


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "cut short"),
        (b"x" * (wire.MAX_NOISE + 100), "foreign bytes"),
        (frame(Kind.PING) + b"\n" + frame(Kind.PING) + b"\0" * 9, "foreign bytes"),
        (frame(Kind.PING) + b"x" * 9, "foreign bytes"),
        (frame(0), "unknown kind 0"),
        (frame(99), "unknown kind 99"),
        (frame(Kind.ANSWER, length=wire.MAX_PAYLOAD + 1), "more than the"),
        (frame(Kind.ANSWER, length=0xFFFFFFFF), "more than the"),
        (frame(Kind.ANSWER, length=wire.MAX_PAYLOAD), "cut short"),
        (frame(Kind.END), "checksum"),
        (frame(Kind.END, b"\0" * 32), "checksum"),
        (conversation()[len(frame(Kind.HELLO, b'{"version": 1, "nonce": "n"}')) :], "checksum"),
    ],
    ids=["nothing", "noise-only", "line-between-frames", "noise-after-frame", "kind-0", "kind-99", "long-by-one",
         "longest", "announced-but-missing", "end-without-sum", "end-with-wrong-sum", "first-frame-lost"],
)  # fmt: skip
def test_what_is_no_conversation_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        heard(data)


def test_the_longest_length_is_refused_before_its_payload_is_read() -> None:
    stream = io.BytesIO(frame(Kind.ANSWER, b"x" * 100, length=wire.MAX_PAYLOAD + 1))
    with pytest.raises(ProtocolError):
        Reader(stream.read).receive()
    assert stream.tell() == HEADER.size


@pytest.mark.parametrize("fact", [Question(), Question((), "docker"), Question((WEB, Pod("", "x", None))), Question(clues=(Clue("interface", "x\udcff"),)), ANSWER, ETH0, WEB])
def test_facts_survive_the_journey(fact: Any) -> None:
    assert repr(decode(type(fact), encode(fact))) == repr(fact)  # equal tuples may be of other classes


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a field with this type hint may hold."""
    if hasattr(hint, "_fields"):
        fields = typing.get_type_hints(hint)
        return st.builds(hint, **{name: strategy(kind) for name, kind in fields.items()})
    if isinstance(hint, types.UnionType):
        return st.one_of([strategy(part) for part in typing.get_args(hint)])
    if typing.get_origin(hint) is tuple:
        return st.lists(strategy(typing.get_args(hint)[0]), max_size=2).map(tuple)
    simple = {str: st.text(max_size=8), int: st.integers(), bool: st.booleans(), types.NoneType: st.none()}
    return simple[hint]


@pytest.mark.parametrize("cls", [Question, Interface, NetworkNamespace])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_fact_survives_the_journey(cls: type, data: st.DataObject) -> None:
    fact = data.draw(strategy(cls))
    assert repr(decode(cls, encode(fact))) == repr(fact)


def changed(**fields: Any) -> bytes:
    """WEB's JSON with some fields set otherwise; `...` takes one away."""
    data = {**dict(zip(Pod._fields, json.loads(encode(WEB)))), **fields}
    return json.dumps([value for value in data.values() if value is not ...]).encode()


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (changed(name=...), "unexpected shape at Pod"),
        (changed(host_network=...), "unexpected shape at Pod"),
        (changed(more=1), "unexpected shape at Pod"),
        (changed(name=None), "NoneType where Pod.name should be a str"),
        (changed(name=1), "int where Pod.name should be a str"),
        (changed(name=["a"]), "list where Pod.name should be a str"),
        (changed(uid=0), "int where Pod.uid should be a str"),
        (changed(ips=None), "no list at Pod.ips"),
        (changed(ips="10.0.0.1"), "no list at Pod.ips"),
        (changed(ips={"0": "a"}), "no list at Pod.ips"),
        (changed(ips=["a", None]), "NoneType where Pod.ips should be a str"),
        (changed(host_network=0), "int where Pod.host_network should be a bool"),
        (changed(host_network="yes"), "str where Pod.host_network should be a bool"),
        (b"[]", "unexpected shape at Pod"),
        (json.dumps(WEB._asdict()).encode(), "unexpected shape at Pod"),
        (b"null", "unexpected shape at Pod"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"1" * 5000, "."),
        (b"[" * 100_000, "not JSON"),
        (b'{"name":' * 100_000, "not JSON"),
        (b"[" * 100 + b"]" * 100, "unexpected shape"),
    ],
)  # fmt: skip
def test_decode_refuses_what_is_no_pod(payload: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        decode(Pod, payload)


@pytest.mark.parametrize(
    ("way", "value", "where"),
    [
        ("namespaces/0/interfaces/0/index", True, "bool where .*index should be a int"),
        ("namespaces/0/interfaces/0/index", 2.0, "float where .*index should be a int"),
        ("namespaces/0/interfaces/0/index", "2", "str where .*index should be a int"),
        ("namespaces/0/interfaces/0/peer/on_host", 1, "int where .*on_host should be a bool"),
        ("namespaces/0/interfaces/0/statistics/rx_bytes", float("nan"), "float where .*rx_bytes should be a int"),
        ("namespaces/0/namespace/held_by", [["process"]], "list where .*held_by should be a str"),
        ("namespaces/0/namespace", {"inode": 1}, "unexpected shape at .*namespace"),
        ("namespaces/1/namespace", [1, 4, "/run/netns/cni-26d4", 3, []], "unexpected shape at .*namespace"),
    ],
)
def test_decode_looks_into_nested_facts(way: str, value: Any, where: str) -> None:
    data = fact = json.loads(encode(ANSWER))
    place: Any = ANSWER
    *steps, last = way.split("/")
    for step in steps:
        number = int(step) if step.isdigit() else place._fields.index(step)
        fact, place = fact[number], place[number]
    fact[int(last) if last.isdigit() else place._fields.index(last)] = value
    with pytest.raises(ProtocolError, match=where):
        decode(Answer, json.dumps(data).encode())


pieces = st.one_of(
    st.binary(max_size=20),
    st.just(MAGIC),
    st.builds(frame, st.integers(0, 8), st.binary(max_size=40)),
    st.builds(frame, st.integers(0, 8), st.just(b"ab"), st.integers(0, 0xFFFFFFFF)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=6).map(b"".join), st.integers(1, 50))
def test_arbitrary_bytes_are_no_conversation(data: bytes, portion: int) -> None:
    with pytest.raises(ProtocolError):
        heard(data, portion)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["pods", "runtime", "uid", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()), st.sampled_from([Question, Answer, Pod]))
def test_arbitrary_json_is_a_fact_or_refused(payload: bytes, cls: type) -> None:
    try:
        assert isinstance(decode(cls, payload), cls)
    except ProtocolError:
        pass


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.binary(max_size=300))), st.lists(st.integers(1, 40)))
def test_frames_in_any_pieces(frames: list[tuple[Kind, bytes]], sizes: list[int]) -> None:
    """However the bytes come, the frames are the same, and the checksum still holds after a Reader's part."""
    sent = bytearray()
    writer = wire.Writer(sent.extend)
    writer.send(Kind.HELLO, b"{}")
    frames = [frame for frame in frames if frame[0] is not Kind.END]
    for kind, payload in frames:
        writer.send(kind, payload)
    writer.end()
    stream = io.BytesIO(bytes(sent))
    reader = wire.Reader(stream.read)
    assert reader.receive() == (Kind.HELLO, b"{}")
    decoder = wire.Decoder(reader)
    received = []
    for size in [*sizes, len(sent)]:
        received += list(decoder.feed(stream.read(size)))
    assert received[:-1] == frames and received[-1][0] is Kind.END


@given(st.binary(max_size=100))
def test_a_decoder_takes_nothing_for_a_frame_that_is_none(noise: bytes) -> None:
    try:
        frames = list(wire.Decoder(wire.Reader(lambda count: b"")).feed(noise))
    except ProtocolError:
        return
    assert not noise or len(noise) < wire.HEADER.size or (noise.startswith(wire.MAGIC) and len(frames) <= len(noise) // wire.HEADER.size)


def test_a_live_frame_is_small() -> None:
    header = wire.HEADER.pack(wire.MAGIC, Kind.STDOUT, wire.MAX_LIVE + 1)
    with pytest.raises(ProtocolError, match="more than the"):
        list(wire.Decoder(wire.Reader(lambda count: b"")).feed(header))


@pytest.mark.parametrize(("form", "numbers"), [(wire.STATUS, (255,)), (wire.TAKEN, (1 << 31,)), (wire.SIZE, (50, 200))])
def test_short_frames(form: struct.Struct, numbers: tuple[int, ...]) -> None:
    assert wire.unpack(form, form.pack(*numbers)) == numbers
    for wrong in (b"", form.pack(*numbers) + b"x"):
        with pytest.raises(ProtocolError):
            wire.unpack(form, wrong)
