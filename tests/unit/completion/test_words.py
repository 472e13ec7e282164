"""What the words so far mean: the same to completion as to the program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.completion import verbs
from kubectl_netns.completion.table import Option, Verb
from kubectl_netns.completion.words import Grammar, Place, read
from tests.unit.test_cli import ARRANGED

# with verbs that this program does not have: nothing here may depend on those that it has
VERBS = (Verb("show", "POD...", ""), Verb("list", "", ""), Verb("version", "", ""), Verb("run", "POD CMD...", ""))
OPTIONS = (
    Option("--namespace -n", "NAMESPACE", "", "show list run", kubectls=True),
    Option("--output -o", "VALUE", "", "show list", values="json yaml"),
    Option("--node", "NODE", "", "list", several=True),
    Option("--node", "NODE", "", "show", hidden=True),
    Option("--selector -l", "LABELS", "", "show"),
    Option("--local", "", "", "show list"),
    Option("--stdin -i", "", "", "run"),
    Option("--tty -t", "", "", "run"),
    Option("-h --help", "", "", "show list version run"),
)
GRAMMAR = Grammar(VERBS, OPTIONS, "show")


def place(*words: str) -> Place:
    return read(words, GRAMMAR)


@pytest.mark.parametrize(("words", "arranged"), [case for case in ARRANGED if not case[1][0].startswith("-")],
                         ids=lambda words: " ".join(words))  # fmt: skip
def test_the_verb_is_the_one_that_the_program_runs(words: list[str], arranged: list[str]) -> None:
    found = read([*words, ""], Grammar(verbs.VERBS, verbs.OPTIONS, verbs.DEFAULT))
    assert (found.verb.name if found.verb else verbs.DEFAULT) == arranged[0]


@pytest.mark.parametrize(
    ("words", "option", "before", "rest"),
    [
        (["-n", ""], "--namespace -n", "", ""),
        (["web", "--namespace", "sh"], "--namespace -n", "", "sh"),
        (["--namespace=sh"], "--namespace -n", "", "sh"),
        (["--namespace="], "--namespace -n", "", ""),
        (["-nsh"], "--namespace -n", "-n", "sh"),
        (["run", "-itnsh"], "--namespace -n", "-itn", "sh"),
        (["run", "-itn", "sh"], "--namespace -n", "", "sh"),
        (["--node", "a", "list", "-o", "j"], "--output -o", "", "j"),
        (["-o", "-"], "--output -o", "", "-"),
    ],
)
def test_an_option_s_value(words: list[str], option: str, before: str, rest: str) -> None:
    found = place(*words)
    assert found.option and (found.option.names, found.before, found.rest) == (option, before, rest)


@pytest.mark.parametrize("words", [["-n", "shop"], ["web", "--"], ["--", "-"], ["--local", ""], ["--bogus", ""], [""], ["--local=x", ""]])
def test_what_is_no_value(words: list[str]) -> None:
    assert place(*words, "").option is None


@pytest.mark.parametrize("word", ["-", "--", "--na", "-i"])
def test_an_option_s_name(word: str) -> None:
    assert place("run", "web", word).is_flag
    assert not place("run", "web", "--", word).is_flag


@pytest.mark.parametrize(
    ("words", "arguments", "metavar"),
    [
        (["show", ""], [], "POD"), (["a", "b", ""], ["a", "b"], "POD"), (["list", ""], [], ""), (["run", ""], [], "POD"),
        (["run", "-it", "a", ""], ["a"], "CMD"), (["run", "a", "--", "ls", "-l", ""], ["a", "ls", "-l"], "CMD"), (["--", ""], [], "POD"),
    ],
)  # fmt: skip
def test_arguments(words: list[str], arguments: list[str], metavar: str) -> None:
    found = place(*words)
    assert found.verb and (found.arguments, found.verb.argument(len(found.arguments))) == (arguments, metavar)


def test_what_was_typed_is_known_with_its_values() -> None:
    assert place("-n", "shop", "--local", "run", "-it", "--bogus=1", "").typed == [
        ("-n", "shop"), ("--local", None), ("-i", None), ("-t", None), ("--bogus", "1")]  # fmt: skip


@given(st.lists(st.text(alphabet="-=nit ohlw\n", max_size=6), max_size=8))
def test_no_words_are_too_strange(words: list[str]) -> None:
    found = place(*words)
    assert found.before + found.rest in (words[-1] if words else "")
