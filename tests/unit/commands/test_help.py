"""`--help`: grouped, with examples, on 80 columns."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from typing import Any

import pytest

from kubectl_netns import cli
from kubectl_netns.commands import help
from kubectl_netns.commands.console import Console
from tests.frozen import context, group

GROUP = group()
COLUMNS = 80


def printed(words: list[str], monkeypatch: pytest.MonkeyPatch, columns: int = COLUMNS) -> str:
    out = io.StringIO()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.run([*words, "--help"], Console(out, io.StringIO())) == 0
    return out.getvalue()


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("words", [[], *([name] for name in GROUP.commands)], ids=lambda words: " ".join(words) or "netns")
def test_it_fits_a_terminal(words: list[str], columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [line for line in printed(words, monkeypatch, columns).splitlines() if len(line) > COLUMNS] == []


@pytest.mark.parametrize(("name", "verb"), GROUP.commands.items(), ids=GROUP.commands)
def test_every_verb_has_a_sentence_and_examples(name: str, verb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert help.summary(verb).endswith(".")
    _, examples = help.parts(verb.help)
    commands = [line for line in examples if line and not line.startswith("#")]
    assert commands and all(line.startswith("kubectl netns ") for line in commands)
    text = printed([name], monkeypatch)
    assert all(f"\n  {line}\n" in text for line in examples if line)


@pytest.mark.parametrize(("name", "verb"), GROUP.commands.items(), ids=GROUP.commands)
def test_options_stand_under_their_headings(name: str, verb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed([name], monkeypatch)
    headings = help.grouped(verb, context(GROUP, verb))
    sections = {heading: text.partition(f"\n{heading}:\n")[2].partition("\n\n")[0] for heading in headings}
    for heading, params in headings.items():
        for param in params:
            for word in param.opts if param.param_type_name == "option" else [param.metavar]:
                assert f" {word}" in sections[heading], (heading, word)
    assert sum(len(params) for params in headings.values()) == len(
        [one for one in verb.get_params(context(GROUP, verb)) if not getattr(one, "hidden", False)])  # fmt: skip


def test_the_verbs_have_a_line_each_and_options_may_stand_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed([], monkeypatch)
    for name, verb in GROUP.commands.items():
        assert f"\n  {name} ".ljust(4) in text
        assert any(line.split()[:1] == [name] and line.endswith(help.summary(verb)) for line in text.splitlines()), name
    assert "Options may stand before and behind the verb" in " ".join(text.split())


@pytest.mark.parametrize("words", [["--help"], ["show", "--help"], ["show", "--bogus"], ["web", "-o", "xml"]], ids=" ".join)
def test_it_is_quick(words: list[str]) -> None:
    """Process time, the best of three: what else runs on the machine does not count."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "kubectl_netns", *words], capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) <= 0.25, spent
