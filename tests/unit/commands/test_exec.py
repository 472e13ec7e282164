"""The words of `exec`: which is the pod, which the command, and what the options become."""

from __future__ import annotations

import io
from typing import Any

import pytest

from kubectl_netns import cli
from kubectl_netns.client import inside
from kubectl_netns.client.agent_pod import Spec
from kubectl_netns.client.streams import Streams
from kubectl_netns.commands.console import Console
from kubectl_netns.commands.exec import NO_TERMINAL, split
from kubectl_netns.errors import ExitStatus, UsageError
from kubectl_netns.execution import Execution

Given = list[tuple[str, str | None, Execution, Streams]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    calls: Given = []

    def run_here(word: str, namespace: str | None, execution: Execution, streams: Streams, timeout: float) -> int:
        calls.append((word, namespace, execution, streams))
        return 42

    monkeypatch.setattr(inside, "run_here", run_here)
    return calls


def run(*words: str) -> tuple[int, str]:
    err = io.StringIO()
    return cli.run(words, Console(io.StringIO(), err)), err.getvalue()


@pytest.mark.parametrize("words", [
    ["exec", "--local", "-n", "shop", "-i", "web", "--", "ls", "-l", "--", "-n"],
    ["--local", "-n", "shop", "exec", "web", "-i", "--", "ls", "-l", "--", "-n"],
    ["exec", "--stdin", "web", "-nshop", "--local", "--", "ls", "-l", "--", "-n"],
])  # fmt: skip
def test_the_command_is_left_alone(given: Given, words: list[str]) -> None:
    assert run(*words) == (42, "")
    ((word, namespace, execution, streams),) = given
    assert (word, namespace, execution.arguments) == ("web", "shop", ("ls", "-l", "--", "-n"))
    assert (execution.stdin, execution.screen, execution.tools, streams.stdin) == (True, None, "auto", 0)


def test_without_i_no_stdin_is_read(given: Given) -> None:
    assert run("exec", "--local", "web", "--", "cat")[0] == 42
    assert (given[0][2].stdin, given[0][3].stdin) == (False, None)


@pytest.mark.parametrize("flags", ["-it", "-ti"])
def test_a_terminal(given: Given, monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    monkeypatch.setenv("TERM", "vt220")
    monkeypatch.setattr("kubectl_netns.commands.exec._is_terminal", lambda descriptor: True)
    assert run("exec", "--local", flags, "web", "--", "sh") == (42, "")
    screen = given[0][2].screen
    assert given[0][2].stdin and screen and screen.kind == "vt220" and screen.rows > 0 and screen.columns > 0


def test_a_terminal_that_there_is_not(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_netns.commands.exec._is_terminal", lambda descriptor: False)
    assert run("exec", "--local", "-it", "web", "--", "sh") == (42, f"{NO_TERMINAL}\n")
    assert (given[0][2].screen, given[0][3].terminal) == (None, False)


@pytest.mark.parametrize(("words", "said"), [
    ([], "name a pod"), (["--", "ls"], "name a pod"), (["web"], "which command?"), (["web", "--"], "which command?"), (["web", "--", ""], "which command?"),
    (["web", "ls"], "behind --"), (["web", "db", "--", "ls"], "one pod"),
])  # fmt: skip
def test_what_makes_no_sense(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        split(words)
    assert caught.value.hint and "POD -- COMMAND" in caught.value.hint
    assert run("exec", *words)[0] == ExitStatus.USAGE


def test_this_machine_has_no_image(given: Given) -> None:
    status, err = run("exec", "--local", "--tools", "image", "web", "--", "ls")
    assert status == ExitStatus.USAGE and "no image" in err and given == []


@pytest.mark.parametrize(("more", "lifetime"), [({}, 900), ({"lasting": True}, 86400), ({"keep": 600.0}, 86400)])
def test_how_long_an_agent_may_be_busy(more: dict[str, Any], lifetime: int) -> None:
    assert Spec("image", "default", 60, **more).lifetime == lifetime
