"""A command's input and output, with agents that behave badly; those that behave are in tests/node/test_exec.py."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from kubectl_netns.client import relay
from kubectl_netns.client.conversation import Silent
from kubectl_netns.client.streams import FULL, Outlet, Streams, screen, usable
from kubectl_netns.errors import ExitStatus, NetnsError, NodeError, ProtocolError
from kubectl_netns.execution import Execution
from kubectl_netns.model import Pod
from kubectl_netns.wire import Kind
from tests.soon import soon

BEGIN = """
import json, os, sys, time
from kubectl_netns import wire
from kubectl_netns.execution import Started
from kubectl_netns.wire import Kind
from kubectl_netns.model import Warning
os.read(0, 6)
reader = wire.Reader(lambda count: os.read(0, count))
reader.receive(); reader.receive()
def write(data):
    while data:
        data = data[os.write(1, data):]
writer = wire.Writer(write)
def hello(): writer.send(Kind.HELLO, json.dumps({'version': wire.VERSION, 'nonce': 'cafe'}).encode())
def started(*warnings): writer.send(Kind.STARTED, wire.encode(Started('node', '/bin/x', tuple(Warning('c', one) for one in warnings))))
def exited(status=7): writer.send(Kind.EXITED, bytes([status])); writer.end()
"""


class Talk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.told: list[str] = []
        self.begun: list[bool] = []
        self.out = self.err = b""

    def __call__(self, script: str, stdin: bytes | None = None, timeout: float = 20.0) -> int:
        out, err, source = self._folder / "out", self._folder / "err", self._folder / "in"
        source.write_bytes(stdin or b"")
        with out.open("wb") as o, err.open("wb") as e, source.open("rb") as i:
            streams = Streams(
                None if stdin is None else i.fileno(), o.fileno(), e.fileno(), False, self.told.append, lambda: self.begun.append(True)
            )
            execution = Execution(Pod("shop", "web", None), ("x",), "auto", stdin is not None, None)
            try:
                return relay.execute(
                    [sys.executable, "-c", BEGIN + script], b"bundle", "cafe", lambda: None, execution, timeout, streams
                )
            finally:
                self.out, self.err = out.read_bytes(), err.read_bytes()


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(tmp_path)


def test_a_good_one(talk: Talk) -> None:
    script = "hello(); started('mind this'); writer.send(Kind.STDOUT, b'o\\0'); writer.send(Kind.STDERR, b'e'); writer.send(Kind.PING); exited()"
    assert talk(script) == 7
    assert (talk.out, talk.err, talk.told, talk.begun) == (b"o\0", b"e", ["warning: mind this"], [True])


def test_input_keeps_to_the_window(talk: Talk) -> None:
    """An agent that takes nothing gets no more than the window; one that takes gets all of it, and then its end."""
    script = """
hello(); started()
got = bytearray(); decoder = wire.Decoder(reader); end = False; quiet = time.monotonic()
import select
while not end:
    if not select.select([0], [], [], 1.0)[0]:
        assert len(got) % wire.WINDOW == 0
        writer.send(Kind.TAKEN, wire.TAKEN.pack(wire.WINDOW))
        continue
    for kind, payload in decoder.feed(os.read(0, 65536)):
        got += payload if kind is Kind.STDIN else b''
        end |= kind is Kind.STDIN_END
writer.send(Kind.STDOUT, str(len(got)).encode()); exited(0)
"""
    size = 2 * (1 << 20) + 5
    assert talk(script, bytes(size)) == 0 and talk.out == str(size).encode()


@pytest.mark.parametrize("closed", [True, False])
def test_a_stdin_that_is_closed_or_hung_up_has_ended(closed: bool) -> None:
    """`<&-`, or a terminal that has gone."""
    master, slave = os.openpty()
    source = os.dup2(slave, 200)  # a number that nothing else takes, and that the kernel has a place for: select(2) refuses it
    os.close(slave)
    os.close(source if closed else master)
    script = BEGIN + "hello(); started(); exited(reader.receive()[0])"
    execution = Execution(Pod("", "x", None), ("x",), "auto", True, None)
    streams = Streams(source, 1, 2, False, print, lambda: None)
    assert relay.execute([sys.executable, "-c", script], b"bundle", "cafe", lambda: None, execution, 20, streams) == Kind.STDIN_END
    os.close(master if closed else source)


@pytest.mark.parametrize(("script", "kind", "said"), [
    ("hello(); writer.send(Kind.STDOUT, b'x')", ProtocolError, "STDOUT where STARTED"),
    ("hello(); writer.send(Kind.STARTED, b'{}')", ProtocolError, "unexpected shape"),
    ("hello(); started(); writer.send(Kind.STDIN, b'x')", ProtocolError, "not for the client"),
    ("hello(); started(); writer.send(Kind.EXITED, b'xx')", ProtocolError, "2 bytes where 1"),
    ("hello(); started(); writer.send(Kind.TAKEN, b'')", ProtocolError, "0 bytes where 4"),
    ("hello(); started(); writer.end()", ProtocolError, "without the command's exit status"),
    ("hello(); started(); writer.send(Kind.EXITED, b'\\0'); writer.send(Kind.END, bytes(32))", ProtocolError, "checksum"),
    ("hello(); started(); write(b'stray words in between')", ProtocolError, "foreign bytes"),
    ("hello(); started(); write(wire.HEADER.pack(wire.MAGIC, 40, 1 << 24))", ProtocolError, "more than the"),
    ("hello(); started(); write(wire.HEADER.pack(wire.MAGIC, 99, 0))", ProtocolError, "unknown kind"),
    ("hello(); started(); writer.send(Kind.STDOUT, b'part')", NetnsError, "connection with the command was lost"),
    ("hello(); started(); writer.send(Kind.ERROR, b'{\"code\": \"failure\", \"message\": \"oops\"}')", NetnsError, "oops"),
    ("hello(); time.sleep(60)", NodeError, "did not start within 1 s"),
])  # fmt: skip
def test_what_is_not_believed(talk: Talk, script: str, kind: type[NetnsError], said: str) -> None:
    with pytest.raises(kind) as caught:
        talk(script, timeout=1.0 if "sleep" in script else 20.0)
    assert said in caught.value.message


@pytest.mark.parametrize(("code", "status"), [
    ("no-command", ExitStatus.NO_COMMAND), ("not-executable", ExitStatus.NOT_EXECUTABLE), ("no-namespace", ExitStatus.NO_NAMESPACE),
    ("ambiguous", ExitStatus.USAGE), ("permission", ExitStatus.NODE), ("failure", ExitStatus.FAILURE), ("else", ExitStatus.FAILURE),
])  # fmt: skip
def test_what_an_agent_says_instead(talk: Talk, code: str, status: ExitStatus) -> None:
    with pytest.raises(NetnsError, match="no way") as caught:
        talk(f"hello(); writer.send(Kind.ERROR, json.dumps({{'code': {code!r}, 'message': 'no way'}}).encode()); writer.end()")
    assert caught.value.status == status and talk.begun == []


def test_one_that_ends_without_a_word_may_be_tried_again(talk: Talk) -> None:
    with pytest.raises(Silent):
        talk("sys.exit('error: container not found')")


def test_silence_ends_it(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SILENCE", 2.0)
    begun = time.monotonic()
    with pytest.raises(NodeError, match="not been heard of"):
        talk("hello(); started(); time.sleep(60)")
    assert 2 <= time.monotonic() - begun < 8


def test_once_the_command_has_ended_one_interrupt_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output waits for a reader that does not read; there is no command any more that a first Ctrl-C could be for. What the
    handler that was there before has set, so that nothing interrupts the clean-up, stays."""
    reading, writing = os.pipe()
    ended: list[bool] = []

    def press(self: relay._Relay) -> None:
        if self._ended and not ended:
            ended.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    def leave(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    monkeypatch.setattr(relay._Relay, "_watch_clock", press)
    before = signal.signal(signal.SIGINT, leave)
    drain = threading.Timer(10, os.close, [reading])  # so that it ends in any case
    drain.start()
    agent = [sys.executable, "-c", BEGIN + "hello(); started(); writer.send(Kind.STDOUT, bytes(1 << 19)); exited()"]
    streams = Streams(None, writing, 2, False, print, lambda: None)
    with pytest.raises(KeyboardInterrupt):
        relay.execute(agent, b"bundle", "cafe", lambda: None, Execution(Pod("", "x", None), ("x",), "auto", False, None), 20, streams)
    assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN
    drain.cancel()
    os.close(reading)
    os.close(writing)


def test_a_slow_reader_is_no_silence_and_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    waiting: list[int] = []

    def watch(self: relay._Relay) -> None:
        """Nothing is read until there has been a long while in which much more could have come."""
        waiting.append(self._outlets[Kind.STDOUT]._waiting)
        if len(waiting) == 80:
            threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 1 << 20), b"")]).start()

    monkeypatch.setattr(relay._Relay, "_watch_clock", watch)
    monkeypatch.setattr(relay, "TICK", 0.05)
    monkeypatch.setattr(relay, "SILENCE", 1.0)
    agent = [sys.executable, "-c", BEGIN + "hello(); started(); [writer.send(Kind.STDOUT, bytes(1 << 15)) for _ in range(100)]; exited()"]
    streams = Streams(None, writing, 2, False, print, lambda: None)
    execution = Execution(Pod("", "x", None), ("x",), "auto", False, None)
    assert relay.execute(agent, b"bundle", "cafe", lambda: None, execution, 20, streams) == 7
    os.close(writing)
    assert FULL <= max(waiting) <= FULL + (1 << 17)


@pytest.mark.parametrize("ends", [False, True])
def test_a_command_that_goes_on_after_an_interrupt_is_told_of(talk: Talk, monkeypatch: pytest.MonkeyPatch, ends: bool) -> None:
    away = [0.0]
    watch = relay._Relay._watch_clock

    def pressed(self: relay._Relay) -> None:
        if not away[0]:
            os.kill(os.getpid(), signal.SIGINT)
            away[0] = 0.1
        elif self._interrupted and (self._ended or not ends):
            away[0] = 3.0
        watch(self)

    monkeypatch.setattr(relay, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + away[0]))
    monkeypatch.setattr(relay._Relay, "_watch_clock", pressed)
    script = "hello(); started(); number = reader.receive()[1][0]; "
    assert talk(script + ("exited(number)" if ends else "time.sleep(1.5); exited(number)")) == signal.SIGINT
    assert talk.told == ([] if ends else ["the command goes on after its SIGINT; Ctrl-C again ends it"])


def test_a_client_that_was_stopped_hears_first_what_came_meanwhile(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    away = [0.0]

    def watch(self: relay._Relay) -> None:
        away[0] = 3600.0

    monkeypatch.setattr(relay, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + away[0]))
    monkeypatch.setattr(relay._Relay, "_watch_clock", watch)
    assert talk("hello(); started(); time.sleep(1.5); exited()") == 7


def test_terminations_that_go_on_do_not_put_off_the_end(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []
    watch = relay._Relay._watch_clock

    def repeat(self: relay._Relay) -> None:
        turns.append(0.5)
        assert len(turns) < 60
        os.kill(os.getpid(), signal.SIGTERM)
        watch(self)

    monkeypatch.setattr(relay, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + sum(turns)))
    monkeypatch.setattr(relay._Relay, "_watch_clock", repeat)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        talk("hello(); started(); time.sleep(60)")
    signal.signal(signal.SIGTERM, before)


def test_it_pings(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PING", 0.2)
    monkeypatch.setattr(relay, "SILENCE", 10.0)
    assert talk("hello(); started(); exited(reader.receive()[0])") == Kind.PING


def test_an_outlet_tells_when_it_is_full_and_when_it_is_not() -> None:
    reading, writing = os.pipe()
    changes = threading.Semaphore(0)
    outlet = Outlet(writing, changes.release)
    outlet.put(bytes(FULL))
    assert not outlet.room and not outlet.empty
    received = 0
    while received < FULL:
        received += len(os.read(reading, 1 << 16))
    assert changes.acquire(timeout=5)
    assert outlet.room and outlet.empty and outlet.failure is None
    os.close(reading)
    outlet.put(b"x")
    soon(lambda: outlet.closed, 5)
    outlet.put(b"more")
    assert outlet.empty
    os.close(writing)


def test_an_output_that_does_not_block_gets_everything_too() -> None:
    """As others who share it may have made it (Node.js does)."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    outlet = Outlet(writing, lambda: None)
    data = os.urandom(300_000)
    outlet.put(data)
    received = b""
    while len(received) < len(data) and select.select([reading], [], [], 5)[0]:
        received += os.read(reading, 1 << 12)
    assert received == data and outlet.failure is None
    os.close(reading)
    os.close(writing)


def test_a_full_device_is_no_closed_one() -> None:
    with open("/dev/full", "wb") as full:
        outlet = Outlet(full.fileno(), lambda: None)
        outlet.put(b"x")
        soon(lambda: outlet.failure is not None, 5)
        assert not outlet.closed


def test_a_stdout_that_is_closed_is_a_closed_one() -> None:
    """`>&-`"""
    outlet = Outlet(900, lambda: None)
    outlet.put(b"x")
    soon(lambda: outlet.closed, 5)


def test_a_terminals_size() -> None:
    reading, writing = os.pipe()
    assert (screen((reading, writing)).rows, screen(()).columns) == (24, 80)
    os.close(reading)
    os.close(writing)
    assert not usable(writing)
