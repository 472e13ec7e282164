"""The talk with an agent, against real child processes that speak well, badly, too much, or not at all."""

from __future__ import annotations

import sys
import time

import pytest

from kubectl_netns.client import conversation
from kubectl_netns.client.conversation import Silent, ask
from kubectl_netns.errors import NetnsError, NodeError, ProtocolError
from kubectl_netns.questions import Answer, Question

NONCE = "cafe"
BEGIN = """
import json, os, sys, time
from kubectl_netns import wire
from kubectl_netns.model import Warning
from kubectl_netns.questions import Answer
out = sys.stdout.buffer
read = sys.stdin.buffer
BUNDLE = read.read(6)
reader = wire.Reader(lambda count: os.read(0, count) if False else read.read1(count))
kind, hello = reader.receive()
kind, question = reader.receive()
def write(data):
    out.write(data)
    out.flush()
writer = wire.Writer(write)
def hello(nonce='cafe', version=wire.VERSION):
    writer.send(wire.Kind.HELLO, json.dumps({'version': version, 'nonce': nonce}).encode())
def answer(text='linux/amd64'):
    writer.send(wire.Kind.ANSWER, wire.encode(Answer(text, ())))
"""


def talk(script: str, bundle: bytes = b"bundle", timeout: float = 20.0, begin: str = BEGIN) -> Answer:
    return ask([sys.executable, "-c", begin + script], bundle, NONCE, lambda: None, Question(), timeout)


def test_a_good_answer() -> None:
    assert talk("hello(); answer(); writer.end()") == Answer("linux/amd64", ())


def test_the_agent_is_told_how_long_it_stays() -> None:
    script = BEGIN + "hello(); answer(json.loads(globals()['said'])['keep'] == 300 and 'yes' or 'no'); writer.end()"
    script = script.replace("kind, hello = reader", "kind, said = reader")
    assert ask([sys.executable, "-c", script], b"bundle", NONCE, lambda: None, Question(), 20.0, 300.0).platform == "yes"


def test_what_a_shell_says_first_is_skipped() -> None:
    assert talk("write(b'motd: welcome\\n'); hello(); answer(); writer.end()").platform == "linux/amd64"


def test_a_long_answer() -> None:
    assert len(talk("hello(); answer('x' * (20 << 20)); writer.end()").platform) == 20 << 20


@pytest.mark.parametrize(("script", "said"), [
    ("hello('beef'); answer(); writer.end()", "nonce is not ours"),
    ("hello(version=99); answer(); writer.end()", "speaks version 99"),
    ("hello(); answer()", "cut short"),
    ("hello()", "cut short"),
    ("hello(); write(b'stray words in between'); answer(); writer.end()", "foreign bytes"),
    ("hello(); answer(); writer.send(wire.Kind.END, b'0' * 32)", "checksum"),
    ("hello(); write(wire.HEADER.pack(wire.MAGIC, 3, 1 << 31))", "more than the"),
    ("hello(); write(wire.HEADER.pack(wire.MAGIC, 99, 0))", "unknown kind"),
    ("hello(); writer.send(wire.Kind.ANSWER, b'{}'); writer.end()", "unexpected shape"),
    ("hello(); writer.send(wire.Kind.ANSWER, b'nonsense'); writer.end()", "not JSON"),
    ("hello(); writer.send(wire.Kind.PING); writer.end()", "where its answer should be"),
    ("writer.send(wire.Kind.HELLO, b'[]')", "unexpected shape"),
    ("write(b'x' * 100000)", "foreign bytes"),
])  # fmt: skip
def test_what_is_not_believed(script: str, said: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        talk(script)
    assert said in caught.value.message


@pytest.mark.parametrize(("code", "kind"), [("failure", NetnsError), ("permission", NodeError)])
def test_an_agent_that_failed(code: str, kind: type[NetnsError]) -> None:
    script = f"hello(); writer.send(wire.Kind.ERROR, json.dumps({{'code': {code!r}, 'message': 'no way'}}).encode()); writer.end()"
    with pytest.raises(kind) as caught:
        talk(script)
    assert "no way" in caught.value.message


def test_one_that_ends_without_a_word() -> None:
    with pytest.raises(Silent) as caught:
        talk("", begin="import sys; sys.exit('kubectl-netns: the image has Python 2.7')")
    assert (caught.value.stderr, caught.value.timed_out) == ("kubectl-netns: the image has Python 2.7", False)


@pytest.mark.parametrize("script", ["import time; time.sleep(60)", "import time\nwhile True: time.sleep(1)"])
def test_one_that_hangs(script: str) -> None:
    begun = time.monotonic()
    with pytest.raises(Silent) as caught:
        talk("", b"x" * (5 << 20), timeout=1, begin=script)
    assert caught.value.timed_out and time.monotonic() - begun < 4


def test_one_that_hangs_in_the_middle_of_its_answer() -> None:
    with pytest.raises(Silent) as caught:
        talk("hello(); write(wire.HEADER.pack(wire.MAGIC, 3, 1000) + b'x' * 10); time.sleep(60)", timeout=1)
    assert caught.value.timed_out


def test_an_agent_that_works_for_long_hears_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them it would take the client for gone; what it hears is told in its answer."""
    monkeypatch.setattr(conversation, "PING", 0.2)
    script = "hello(); heard = [reader.receive()[0].name for _ in range(3)]; answer(' '.join(heard)); writer.end()"
    assert talk(script).platform == "PING PING PING"


def test_a_ctrl_c_on_the_terminal_does_not_reach_the_child() -> None:
    """It is ours to handle, in order: the terminal sends it to the whole foreground group."""
    assert talk("hello(); answer(str(os.getsid(0) == os.getpid())); writer.end()").platform == "True"


@pytest.mark.parametrize("hello", ["b'[' * 50000", "b'{'", "b'7'"])
def test_a_greeting_that_is_no_greeting(hello: str) -> None:
    with pytest.raises(ProtocolError):
        talk(f"writer.send(wire.Kind.HELLO, {hello})")
