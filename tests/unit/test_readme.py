"""What README.md promises exists: its flags, its exit statuses, its files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from kubectl_netns.cli import build
from kubectl_netns.commands.console import Console
from kubectl_netns.commands.options import Format
from kubectl_netns.errors import ExitStatus

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FOREIGN = {"--profile", "--manifest", "--archive"}  # kubectl's, krew's


def flags() -> set[str]:
    group = typer.main.get_command(build(Console()))
    return {flag for verb in group.commands.values() for option in verb.params for flag in option.opts} | {"--help"}  # type: ignore[attr-defined]


def test_every_flag_in_the_readme_exists() -> None:
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - FOREIGN <= flags()


def test_every_flag_is_in_the_readme() -> None:
    missing = {flag for flag in flags() if flag.startswith("--") and flag not in README}
    assert missing <= {"--help"}


def test_the_exit_statuses_are_the_enum_s() -> None:
    table = README.partition("## Exit status")[2].partition("\n## ")[0]
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.M)} == {int(status) for status in ExitStatus}


def test_the_formats_are_the_enum_s() -> None:
    table = README.partition("### Output")[2].partition("\n### ")[0]
    rows = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `") and "`-o`" not in line)
    assert set(re.findall(r"`(\w+)`", rows)) == {one.value for one in Format}


def test_the_examples_are_of_one_run() -> None:
    """What web-1 is called in one is what it is called in all."""
    for what in (r"cni-[0-9a-f]{8}-[0-9a-f-]{27}", r"Sandbox +(\w+)…", r"netns-demo/web-1 .*?(10\.\S+) fd", r"(?:find |/64  )(veth\w+)"):
        assert len(set(re.findall(what, README))) == 1, what
    pid, inode = re.findall(r"pause pid (\d+)\n.*net:\[(\d+)\]", README)[0]
    assert f"`{pid}`, a process" in README and f"`{inode}`, `net:[{inode}]`" in README
    assert re.search(rf"{inode}  pod +netns-demo/web-1 .* {pid} ", README)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_files_that_are_named_exist(document: str) -> None:
    named = re.findall(r"`((?:tests|kubectl_netns|krew)/[\w/.]*)`", (ROOT / document).read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"^    make ([a-z-]+)|`(?:\w+=\w+ )?make ([a-z-]+)`", (ROOT / document).read_text(), re.M)) <= {
            (target, "") for target in targets} | {("", target) for target in targets}  # fmt: skip
