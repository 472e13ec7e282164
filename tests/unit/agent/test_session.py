"""A command's session turn by turn: real pipes, a clock that the test turns, and the test in the client's, the supervisor's and the
command's place. With a real supervisor: tests/node/test_exec.py."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import tty
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_netns import wire
from kubectl_netns.agent import entrance, session
from kubectl_netns.agent.entrance import Job
from kubectl_netns.agent.place import HERE
from kubectl_netns.errors import ProtocolError
from kubectl_netns.execution import Execution
from kubectl_netns.model import Pod
from kubectl_netns.wire import Kind
from tests.soon import soon

EXECUTION = Execution(Pod("shop", "web", None), ("x",), "auto", True, None)
PIPE = 1 << 16  # what a pipe holds


class Scene:
    """`supervisor` is its end of the socket; `stdin`, `stdout` and `stderr` the command's ends of the pipes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.signs = 0
        monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(session, "TICK", 0)
        monkeypatch.setattr(session.supervisor, "start", self._start)
        requests, self._say = os.pipe()
        self._hear, replies = os.pipe()
        for end in (self._say, self._hear, replies):
            os.set_blocking(end, False)
        self._client = wire.Writer(self._put)
        self._heard = wire.Decoder(wire.Reader(lambda count: b""))
        self._unsaid = bytearray()
        reader, writer = wire.Reader(lambda count: b""), wire.Writer(lambda data: None)
        self.session = session.Session(HERE, EXECUTION, reader, writer, requests, replies, self._sign)
        writer.redirect(self.session._send)

    def _sign(self) -> None:
        self.signs += 1

    def _put(self, data: wire.Data) -> None:
        self._unsaid += data

    def _start(self, place: object, job: Job, stdio: list[int]) -> tuple[int, socket.socket]:
        ours, self.supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.stdin, self.stdout, self.stderr = map(os.dup, stdio)
        for end in (self.stdin, self.stdout):
            os.set_blocking(end, False)
        return 0, ours

    def begin(self, *terminal: int) -> Scene:
        self.session._start(Job(EXECUTION, os.open(os.devnull, os.O_RDONLY), (0, 0), {}))
        message = json.dumps({"started": "node", "path": "/bin/x", "warnings": []}).encode()
        socket.send_fds(self.supervisor, [message], terminal)
        assert self.turns() == [(Kind.STARTED, b'["node","/bin/x",[]]')]
        return self

    def tell(self, **message: Any) -> None:
        self.supervisor.send(json.dumps(message).encode())

    def ended(self, status: int = 0) -> None:
        """The command, and all that it started."""
        self.tell(status=status)
        self.supervisor.close()

    def say(self, kind: Kind, payload: bytes = b"") -> None:
        for start in range(0, len(payload), wire.CHUNK) or (0,):
            self._client.send(kind, payload[start : start + wire.CHUNK])

    def turns(self, count: int = 3, listen: bool = True) -> list[tuple[Kind, bytes]]:
        """Let it work: what it said meanwhile."""
        said = []
        for _ in range(count):
            try:
                del self._unsaid[: os.write(self._say, self._unsaid)]
            except BlockingIOError:
                pass
            self.session._turn([])
            try:
                said += list(self._heard.feed(os.read(self._hear, 1 << 20))) if listen else []
            except BlockingIOError:
                pass
        return said

    def said(self, kind: Kind, turns: int) -> bytes:
        return b"".join(payload for one, payload in self.turns(turns) if one is kind)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    before = set(os.listdir("/proc/self/fd"))
    made = Scene(monkeypatch)
    yield made
    if made.session._channel:
        made.session._channel.close()
    if hasattr(made, "supervisor"):
        made.supervisor.close()
    for name in set(os.listdir("/proc/self/fd")) - before:
        try:
            os.close(int(name))
        except OSError:
            pass  # the one through which the list was read


def test_a_refusal_is_told_and_no_write_may_block(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise entrance.Refusal("no-namespace", "not here")

    monkeypatch.setattr(entrance, "prepare", refuse)
    os.set_blocking(scene.session._replies, True)
    assert scene.session.run() == 0
    assert not os.get_blocking(scene.session._replies)
    (kind, payload), (last, _) = list(scene._heard.feed(os.read(scene._hear, 1 << 16)))
    assert (kind, json.loads(payload), last) == (Kind.ERROR, {"code": "no-namespace", "message": "not here"}, Kind.END)


def test_input_is_taken_up_to_the_window_and_not_a_byte_beyond(scene: Scene) -> None:
    scene.say(Kind.STDIN, bytes(wire.WINDOW))  # of which nothing can be fed before the command is there
    scene.turns(40)
    assert len(scene.session._input) == wire.WINDOW
    scene.say(Kind.STDIN, b"x")
    with pytest.raises(ProtocolError, match="more input than the window"):
        scene.turns()


def test_what_the_command_takes_is_told_to_the_byte(scene: Scene) -> None:
    scene.begin()
    size = wire.WINDOW // 2 + 5
    scene.say(Kind.STDIN, bytes(size))
    scene.say(Kind.STDIN_END)
    received = told = 0
    for _ in range(40):
        told += sum(wire.unpack(wire.TAKEN, payload)[0] for kind, payload in scene.turns() if kind is Kind.TAKEN)
        received += len(os.read(scene.stdin, PIPE))
    assert received == size == told
    assert os.read(scene.stdin, 1) == b""  # its end; else it would block


def test_a_command_that_closed_its_stdin_is_told_no_more(scene: Scene) -> None:
    scene.begin()
    os.close(scene.stdin)
    scene.say(Kind.STDIN, b"x")
    assert scene.turns() == [] and scene.session._stdin is None


def test_a_client_that_says_nothing_is_given_up(scene: Scene) -> None:
    scene.begin()
    for _ in range(20):
        scene.now += 4
        scene.say(Kind.PING)
        scene.turns(1)
    assert scene.signs == 20
    last = scene.now
    with pytest.raises(session.Gone):
        while True:
            scene.now += 4
            scene.turns(1)
    assert session.SILENCE < scene.now - last <= session.SILENCE + 4


@pytest.mark.parametrize("last", [Kind.END, None])
def test_a_client_that_ends_is_given_up_at_once(scene: Scene, last: Kind | None) -> None:
    scene.begin()
    if last:
        scene._client.end()
    else:
        os.close(scene._say)
        scene._say = os.open(os.devnull, os.O_WRONLY)
    with pytest.raises(session.Gone):
        scene.turns()


def test_a_machine_that_was_frozen_is_not_a_silent_client(scene: Scene) -> None:
    scene.begin()
    scene.now += 3600
    assert (Kind.PING, b"") in scene.turns()
    scene.say(Kind.PING)
    scene.turns()
    assert scene.signs == 1


def test_it_pings_when_it_has_nothing_else_to_say(scene: Scene) -> None:
    scene.begin()
    scene.now += session.PING - 1
    assert scene.turns() == []
    scene.now += 1.5
    assert scene.turns() == [(Kind.PING, b"")]


def test_output_that_nobody_takes_stays_with_the_command(scene: Scene) -> None:
    """Pings are heard all the same, and nothing is lost."""
    scene.begin()
    written = bytearray()
    for number in range(100):
        try:
            data = bytes([number]) * wire.CHUNK
            written += data[: os.write(scene.stdout, data)]
        except BlockingIOError:
            pass
        scene.turns(1, listen=False)
    assert session.FULL < len(written) <= session.FULL + 2 * PIPE + wire.CHUNK
    scene.say(Kind.PING)
    scene.turns(1, listen=False)
    assert scene.signs == 1
    assert scene.said(Kind.STDOUT, 60) == written


def test_before_the_start_is_told_no_output_is_read(scene: Scene) -> None:
    scene.session._start(Job(EXECUTION, os.open(os.devnull, os.O_RDONLY), (0, 0), {}))
    os.write(scene.stdout, b"early")
    assert scene.turns() == []
    scene.tell(started="node", path="/bin/x", warnings=[])
    assert [kind for kind, _ in scene.turns()] == [Kind.STARTED, Kind.STDOUT]


def test_only_some_signals_are_handed_on_and_none_before_the_command_is_there(scene: Scene) -> None:
    scene.supervisor = socket.socket()
    for number in signal.SIGINT, signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR1, signal.SIGTERM, 0, 255, signal.SIGHUP:
        scene.say(Kind.SIGNAL, bytes([number]))
    scene.turns()
    scene.begin()
    received = [scene.supervisor.recv(9) for _ in range(3)]
    assert received == [bytes([one]) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    scene.supervisor.setblocking(False)
    with pytest.raises(BlockingIOError):
        scene.supervisor.recv(9)


def test_a_reader_that_went_away_closes_that_output_alone(scene: Scene) -> None:
    scene.begin()
    scene.say(Kind.CLOSED, b"\1")
    scene.turns()
    with pytest.raises(BrokenPipeError):
        os.write(scene.stdout, b"x")
    os.write(scene.stderr, b"x")
    assert scene.turns() == [(Kind.STDERR, b"x")]


def test_the_end_comes_with_the_status_once_all_output_is_there(scene: Scene) -> None:
    scene.begin()
    os.write(scene.stdout, b"last words")
    for output in (scene.stdout, scene.stderr):
        os.close(output)
    scene.ended(42)
    assert [kind for kind, _ in scene.turns()] == [Kind.STDOUT, Kind.EXITED, Kind.END]


def test_a_supervisor_that_ends_without_a_status_is_told_of(scene: Scene) -> None:
    scene.begin()
    for output in (scene.stdout, scene.stderr):
        os.close(output)
    scene.supervisor.close()
    said = scene.turns()
    assert [kind for kind, _ in said] == [Kind.ERROR, Kind.END] and b"supervisor was ended" in said[0][1]


def test_output_that_a_stranger_holds_open_is_waited_for_a_moment(scene: Scene) -> None:
    scene.begin()
    scene.now += 2 * session.LINGER  # in which the command has said nothing
    scene.turns()
    scene.ended(3)
    assert scene.turns() == []
    scene.now += session.LINGER - 0.1
    os.write(scene.stdout, b"late")
    assert scene.turns() == [(Kind.STDOUT, b"late")]
    scene.now += 0.2
    assert scene.turns()[:1] == [(Kind.EXITED, b"\3")]


def test_a_stranger_that_goes_on_writing_keeps_nothing_open(scene: Scene) -> None:
    scene.begin()
    scene.ended(3)
    said: list[Kind] = []
    for _ in range(30):
        os.write(scene.stdout, b"y\n")
        said += [kind for kind, _ in scene.turns(1)]
        scene.now += 0.1
        if Kind.END in said:
            break
    assert said[-2:] == [Kind.EXITED, Kind.END] and Kind.STDOUT in said
    os.write(scene.stdout, b"y\n")
    assert scene.turns() == []  # END is the last word


@pytest.mark.parametrize("stranger", [False, True])
def test_what_the_command_wrote_last_waits_for_a_slow_client(scene: Scene, stranger: bool) -> None:
    """It takes nothing for an hour, while a stranger holds the output or while nobody does."""
    scene.begin()
    written = 0
    for _ in range(100):
        try:
            written += os.write(scene.stdout, bytes(wire.CHUNK))
        except BlockingIOError:
            pass
        scene.turns(1, listen=False)
    for output in [] if stranger else [scene.stdout, scene.stderr]:
        os.close(output)
    scene.ended(3)
    for _ in range(900):
        scene.now += 4
        scene.say(Kind.PING)
        scene.turns(1, listen=False)
    said = scene.turns(60)
    assert sum(len(payload) for kind, payload in said if kind is Kind.STDOUT) == written
    assert [kind for kind, _ in said[-2:]] == [Kind.EXITED, Kind.END]


def test_a_terminal_stays_open_to_the_end(scene: Scene) -> None:
    """The end of the input is the command's to tell from ^D; and it is stdout and stderr in one."""
    master, slave = os.openpty()
    scene.begin(master)
    scene.say(Kind.STDIN_END)
    scene.say(Kind.CLOSED, b"\1")
    scene.turns()
    os.write(slave, b"x")
    soon(lambda: scene.said(Kind.STDOUT, 1) == b"x", 10)
    os.close(slave)


@pytest.mark.parametrize("stranger", [False, True])
def test_a_terminals_last_words_wait_for_a_slow_client_too(scene: Scene, stranger: bool) -> None:
    """A terminal does not say how much it holds."""
    master, slave = os.openpty()
    scene.begin(master)
    tty.setraw(slave)
    os.set_blocking(slave, False)
    written = 0
    for _ in range(150):
        try:
            written += os.write(slave, bytes(wire.CHUNK))
        except BlockingIOError:
            pass
        scene.turns(1, listen=False)
    if not stranger:
        os.close(slave)
    scene.ended()
    for _ in range(900):
        scene.now += 4
        scene.say(Kind.PING)
        scene.turns(1, listen=False)
    received, end = 0, time.monotonic() + 20  # the kernel hands them on when it likes
    while received < written and time.monotonic() < end:
        received += len(scene.said(Kind.STDOUT, 1))
    assert received == written
    scene.now += session.LINGER + 1
    scene.turns()
    assert scene.session._ended


def test_a_supervisor_that_is_stopped_holds_nobody_up(scene: Scene) -> None:
    """Its socket takes only so many signals that it does not read."""
    scene.begin()
    unblocked = threading.Timer(10, scene.supervisor.close)
    unblocked.start()
    for _ in range(2000):
        scene.say(Kind.SIGNAL, bytes([signal.SIGINT]))
    scene.say(Kind.PING)
    scene.turns(10)
    assert scene.signs == 1 and unblocked.is_alive()
    unblocked.cancel()
