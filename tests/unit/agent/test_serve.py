"""The agent's end of a conversation over pipes: who it answers, and that every failure is told in frames."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from kubectl_netns import wire
from kubectl_netns.agent.__main__ import serve
from kubectl_netns.agent.place import Place
from kubectl_netns.aliases import Alias, Linked, Linking
from kubectl_netns.model import Pod
from kubectl_netns.questions import Answer, Question
from kubectl_netns.wire import Kind

Frames = list[tuple[Kind, bytes]]
HELLO = (Kind.HELLO, b'{"version": 1, "nonce": "n0nce"}')
PING = (Kind.PING, b"")
QUESTION = (Kind.QUESTION, wire.encode(Question((Pod("shop", "web", None),), "containerd")))


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """The questions that reached the survey, which says nothing of substance; nobody follows pings, which may end the process."""
    questions: list[Question] = []

    def survey(place: Place, question: Question) -> Answer:
        questions.append(question)
        if question.runtime == "forbidden":
            raise PermissionError(1, "Operation not permitted")
        if question.runtime == "broken":
            raise RuntimeError("a bug\nin two lines")
        return Answer("linux/amd64", ())

    monkeypatch.setattr("kubectl_netns.agent.__main__.survey", survey)
    monkeypatch.setattr("kubectl_netns.agent.__main__._follow", lambda *_: None)
    return questions


@pytest.fixture
def pipes() -> Iterator[tuple[BinaryIO, BinaryIO, BinaryIO, BinaryIO]]:
    (request_read, request_write), (reply_read, reply_write) = os.pipe(), os.pipe()
    with os.fdopen(request_read, "rb") as requests, os.fdopen(request_write, "wb", 0) as client, \
            os.fdopen(reply_read, "rb") as heard, os.fdopen(reply_write, "wb", 0) as replies:  # fmt: skip
        yield client, requests, replies, heard


Pipes = tuple[BinaryIO, BinaryIO, BinaryIO, BinaryIO]


def conversation(pipes: Pipes, frames: Frames, raw: bytes = b"") -> Frames:
    client, requests, replies, heard = pipes
    writer = wire.Writer(client.write)
    for kind, payload in frames:
        writer.send(kind, payload)
    client.write(raw)
    writer.end()
    assert serve(Place(), requests, replies) == 0
    reader = wire.Reader(lambda count: os.read(heard.fileno(), count))
    answers = [reader.receive()]
    while answers[-1][0] is not Kind.END:
        answers.append(reader.receive())
    return answers[:-1]


@pytest.mark.parametrize("frames", [[HELLO, QUESTION], [PING, HELLO, PING, PING, QUESTION, PING]], ids=["plain", "with-pings"])
def test_a_question_is_answered_and_the_nonce_comes_back(pipes: Pipes, answered: list[Question], frames: Frames) -> None:
    hello, answer = conversation(pipes, frames)
    assert (hello[0], json.loads(hello[1])) == (Kind.HELLO, {"version": wire.VERSION, "nonce": "n0nce"})
    assert (answer[0], wire.decode(Answer, answer[1])) == (Kind.ANSWER, Answer("linux/amd64", ()))
    assert answered == [Question((Pod("shop", "web", None),), "containerd")]


@pytest.mark.parametrize(
    ("frames", "raw", "greeted", "text"),
    [
        ([QUESTION], b"", False, "expected HELLO, got QUESTION"),
        ([HELLO, HELLO], b"", True, "expected QUESTION, got HELLO"),
        ([HELLO], b"", True, "expected QUESTION, got END"),
        ([(Kind.HELLO, b"{}")], b"", False, "KeyError"),
        ([(Kind.HELLO, b"[")], b"", False, "JSONDecodeError"),
        ([HELLO, (Kind.QUESTION, b"{}")], b"", True, "unexpected shape"),
        ([HELLO, (Kind.QUESTION, b"[" * 30_000)], b"", True, "not JSON"),
        ([HELLO], b"x" * 20, True, "foreign bytes"),
    ],
)
def test_what_is_no_conversation_is_told(
    pipes: Pipes, answered: list[Question], frames: Frames, raw: bytes, greeted: bool, text: str
) -> None:
    *hello, (kind, payload) = conversation(pipes, frames, raw)
    assert (len(hello), kind, json.loads(payload)["code"]) == (int(greeted), Kind.ERROR, "failure")
    assert text in json.loads(payload)["message"]
    assert answered == []


@pytest.mark.parametrize(
    ("runtime", "code", "message"),
    [
        ("forbidden", "permission", "not allowed to enter network namespaces here: Operation not permitted"),
        ("broken", "failure", "RuntimeError: a bug\nin two lines"),
    ],
)
def test_a_survey_that_fails_is_told(pipes: Pipes, answered: list[Question], runtime: str, code: str, message: str) -> None:
    _, (kind, payload) = conversation(pipes, [HELLO, (Kind.QUESTION, wire.encode(Question(None, runtime)))])
    assert (kind, json.loads(payload)) == (Kind.ERROR, {"code": code, "message": message})


def test_another_request_has_a_frame_of_its_own(pipes: Pipes, answered: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Linking] = []

    def link(place: Place, request: Linking) -> Linked:
        asked.append(request)
        return Linked(())

    monkeypatch.setattr("kubectl_netns.agent.aliases.serve", link)
    request = Linking("link", (Alias(Pod("shop", "web", "u"), None),), "me@here", "docker")
    _, (kind, payload) = conversation(pipes, [HELLO, (Kind.LINKING, wire.encode(request))])
    assert (kind, wire.decode(Linked, payload)) == (Kind.ANSWER, Linked(()))
    assert (asked, answered) == ([request], [])


def test_a_frames_kind_and_its_payload_belong_together(pipes: Pipes, answered: list[Question]) -> None:
    _, (kind, payload) = conversation(pipes, [HELLO, (Kind.LINKING, QUESTION[1])])
    assert kind is Kind.ERROR and "Linking.action should be a str" in json.loads(payload)["message"]
