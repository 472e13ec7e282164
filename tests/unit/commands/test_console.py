"""What goes where: answers to stdout, the rest to stderr; colour and progress only on a terminal."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from kubectl_netns.commands.console import Console
from kubectl_netns.errors import NetnsError
from kubectl_netns.model import Warning


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def spoken(err: io.StringIO) -> str:
    console = Console(io.StringIO(), err)
    console.progress("starting")
    console.warn(Warning("x", "careful\x1b[2J"))
    console.error(NetnsError("broken\nhalf", "mend it"))
    return err.getvalue()


PLAIN = "warning: careful\\x1b[2J\nerror: broken\\nhalf\nhint: mend it\n"


def test_in_a_file_it_is_plain() -> None:
    assert spoken(io.StringIO()) == PLAIN


@pytest.mark.parametrize(("variable", "value", "coloured", "progress"), [
    ("LANG", "C", True, True), ("NO_COLOR", "1", False, True), ("TERM", "dumb", False, False),
])  # fmt: skip
def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, coloured: bool, progress: bool) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    text = spoken(Terminal())
    assert ("\x1b[33mwarning: \x1b[0m" in text) is coloured
    assert ("\r\x1b[Kstarting…" in text) is progress
    assert "\x1b[2J" not in text


def test_a_hint_of_several_lines_is_set_in_and_each_is_harmless() -> None:
    err = io.StringIO()
    Console(io.StringIO(), err).error(NetnsError("what", "known are\nthis\x1b\nerror: that"))
    assert err.getvalue() == "error: what\nhint: known are\n  this\\x1b\n  error: that\n"


def test_the_progress_line_is_cleared_before_anything_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, err = io.StringIO(), Terminal()
    console = Console(out, err)
    console.progress("reading")
    console.answer("the answer")
    assert (out.getvalue(), err.getvalue()) == ("the answer\n", "\r\x1b[Kreading…\r\x1b[K")


def test_nothing_to_say_is_nothing_said() -> None:
    out = io.StringIO()
    Console(out, io.StringIO()).answer("")
    assert out.getvalue() == ""


def test_a_closed_stdout_is_told() -> None:
    with pytest.raises(NetnsError, match="stdout is closed"):
        Console(None, io.StringIO()).answer("the answer")


def test_a_full_disk_is_told_and_python_s_end_is_silent() -> None:
    code = "import sys; from kubectl_netns.cli import run; from kubectl_netns.commands.console import Console; sys.exit(run(['version'], Console()))"
    with open("/dev/full", "w") as full:
        result = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "error: the answer cannot be written: No space left on device\n")
