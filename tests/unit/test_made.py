"""What is made from the code is current: `make reference` makes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kubectl_netns.completion import verbs
from tests import frozen, manual


@pytest.mark.parametrize("made", [frozen, manual], ids=lambda made: Path(made.FILE).name)
def test_it_is_current(made: object) -> None:
    assert made.FILE.read_text() == made.text(), "run `make reference`"  # type: ignore[attr-defined]


def test_the_frozen_table_is_what_typer_builds() -> None:
    """Not only the text: what is read from it."""
    built = frozen.group()
    assert list(verbs.VERBS) == frozen.verbs(built)
    assert list(verbs.OPTIONS) == frozen.options(built)
    for name, verb in built.commands.items():
        known = {one for option in verbs.OPTIONS if name in option.verbs.split() for one in option.names.split()}
        assert known == {one for param in verb.get_params(frozen.context(built, verb)) if param.param_type_name == "option"
                         for one in [*param.opts, *param.secondary_opts]}  # fmt: skip


def test_kubectls_options_are_those_that_are_handed_on() -> None:
    kubectls = {option.names.split()[0] for option in verbs.OPTIONS if option.kubectls}
    assert kubectls >= {"--namespace", "--context", "--kubeconfig", "--cluster", "--user", "--as-group", "--insecure-skip-tls-verify"}
    assert not kubectls & {"--verbose", "--local", "--image", "--node"}


def test_the_man_page_has_every_option_and_pleases_mandoc() -> None:
    """mandoc is no test of ours alone: it reads the macros as a reader's `man` does."""
    text = manual.FILE.read_text().replace("\\-", "-")
    assert [name for option in verbs.OPTIONS if not option.hidden for name in option.names.split() if name not in text and name != "-h"
            and name != "--help"] == []  # fmt: skip
    if shutil.which("mandoc"):
        result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(manual.FILE)], capture_output=True, text=True)
        assert [line for line in result.stdout.splitlines() if "missing date" not in line] == []
