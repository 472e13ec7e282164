"""An agent ends when its client does: real processes that would work for a minute, and clients that leave, fall silent or rave."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kubectl_netns import wire
from kubectl_netns.client import boot
from kubectl_netns.questions import Question

AGENT = """
import os, signal, sys, time
from kubectl_netns.agent import __main__ as agent
from kubectl_netns.questions import Answer
agent.SILENCE = 1.5
signal.alarm(3)
def survey(place, question):
    time.sleep(float(sys.argv[1]))
    return Answer("linux/amd64", ())
agent.survey = survey
os._exit(agent.serve(agent.HERE, sys.stdin.buffer, os.fdopen(1, "wb", buffering=0)))
"""
LONG = "60"


class Client:
    """Speaks to an agent that works for `seconds`."""

    def __init__(self, seconds: str, nonce: str = "", keep: int = 0) -> None:
        self.nonce = nonce or secrets.token_hex(8)
        self.agent = subprocess.Popen([sys.executable, "-c", AGENT, seconds], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.agent.stdin and self.agent.stdout
        self.writer = wire.Writer(self.agent.stdin.write)
        self.reader = wire.Reader(self.agent.stdout.read1)  # type: ignore[attr-defined]
        self.send(wire.Kind.HELLO, f'{{"version": 1, "nonce": "{self.nonce}", "keep": {keep}}}'.encode())
        self.send(wire.Kind.QUESTION, wire.encode(Question()))
        assert self.reader.receive()[0] is wire.Kind.HELLO

    def send(self, kind: wire.Kind, payload: bytes = b"") -> None:
        assert self.agent.stdin
        self.writer.send(kind, payload)
        self.agent.stdin.flush()

    def ended_after(self) -> float:
        begun = time.monotonic()
        assert self.agent.wait(15) == 1
        return time.monotonic() - begun


def test_it_ends_when_the_client_does() -> None:
    client = Client(LONG)
    assert client.agent.stdin
    client.agent.stdin.close()
    assert client.ended_after() < 1.2


def test_it_ends_when_the_client_falls_silent() -> None:
    assert 1 < Client(LONG).ended_after() < 6


def test_it_ends_when_the_client_raves() -> None:
    client = Client(LONG)
    assert client.agent.stdin
    client.agent.stdin.write(b"x" * 20)
    client.agent.stdin.flush()
    assert client.ended_after() < 1.2


def test_pings_keep_it_and_the_waiter_hears_of_each() -> None:
    """It works for longer than its first alarm, and than a silence may last."""
    client = Client("4")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waiter:
        waiter.bind(f"\0kubectl-netns-{client.nonce}")
        waiter.settimeout(2)
        for _ in range(4):
            time.sleep(0.8)
            client.send(wire.Kind.PING)
            assert waiter.recv(9) == b"+"
    assert [client.reader.receive()[0] for _ in range(2)] == [wire.Kind.ANSWER, wire.Kind.END]
    assert client.agent.wait(5) == 0


@pytest.mark.parametrize(("keep", "sign"), [(0, b"+"), (3600, b"3600")])
def test_the_waiter_hears_of_it_before_the_first_ping(keep: int, sign: bytes) -> None:
    """A waiter's patience is short until the first sign, and a survey may be over before the first ping."""
    nonce = secrets.token_hex(8)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waiter:
        waiter.bind(f"\0kubectl-netns-{nonce}")
        waiter.settimeout(5)
        client = Client("0", nonce, keep)
        assert waiter.recv(9) == sign
    assert client.agent.wait(5) == 0


@pytest.mark.parametrize("sent", [b"", b"half of the bundle"])
def test_a_bundle_that_never_comes_is_not_waited_for(sent: bytes) -> None:
    script = Path(boot.__file__).read_text()
    hasty = script.replace("PATIENCE = 45", "PATIENCE = 1")
    assert hasty != script
    agent = subprocess.Popen([sys.executable, "-c", hasty, "1000"], stdin=subprocess.PIPE)
    assert agent.stdin
    agent.stdin.write(sent)
    agent.stdin.flush()
    assert agent.wait(10) == -signal.SIGALRM
