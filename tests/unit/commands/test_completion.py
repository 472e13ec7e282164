"""`completion --install` and `--uninstall`: on PATH, and never over a file that is not ours."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_netns import cli
from kubectl_netns.commands.completion import NAME, SCRIPT
from kubectl_netns.commands.console import Console

PIPS = "#!/usr/bin/python3\nimport sys\nfrom kubectl_netns.completion.answer import main\nsys.exit(main())\n"


class Machine:
    """A HOME and a PATH of one's own; `bin` holds kubectl-netns."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.local, self.other = root / "a b" / "bin", root / "home" / ".local" / "bin", root / "other"
        for folder in (self.bin, self.other):
            folder.mkdir(parents=True)
        self.write(self.bin / "kubectl-netns", f'#!/bin/sh\nexec {sys.executable} -m kubectl_netns "$@"\n')
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("HOME", str(root / "home"))
        self.path(self.bin)

    def path(self, *folders: Path) -> None:
        self.monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))

    def write(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def run(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        return cli.run(["completion", *words], Console(out, err)), out.getvalue(), err.getvalue()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_it_is_installed_beside_the_plug_in_and_works_and_goes_again(machine: Machine) -> None:
    file = machine.bin / NAME
    status, out, _ = machine.run("--install")
    assert status == 0 and out.startswith(f"wrote {file}\n") and "source <(kubectl completion bash)" in out
    assert os.access(file, os.X_OK) and sorted(os.listdir(machine.bin)) == ["kubectl-netns", NAME]
    path = f"{machine.bin}:/bin:/usr/bin"
    completed = subprocess.run([file, "--local", "ver"], capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert (completed.returncode, completed.stdout.splitlines()[-1], completed.stderr) == (0, ":4", "") and "version\t" in completed.stdout
    assert machine.run("--install")[1].startswith(f"{file} is there already\n")
    assert machine.run("--uninstall") == (0, f"deleted {file}\n", "")
    assert not file.exists()
    assert machine.run("--uninstall")[:2] == (0, f"there is no {NAME} on PATH\n")


def test_a_script_whose_plug_in_has_gone_is_silent(machine: Machine) -> None:
    machine.run("--install")
    (machine.bin / "kubectl-netns").unlink()
    result = subprocess.run([machine.bin / NAME, "we"], capture_output=True, text=True, env={"PATH": "/bin:/usr/bin"})
    assert (result.returncode, result.stdout, result.stderr) == (0, ":4\n", "")


def test_without_options_it_is_printed(machine: Machine) -> None:
    assert machine.run() == (0, SCRIPT, "")


@pytest.mark.parametrize("foreign", ["#!/bin/sh\necho mine\n", ""])
@pytest.mark.parametrize("way", [[], ["--to"]], ids=["where it belongs", "--to"])
def test_a_foreign_file_stays(machine: Machine, foreign: str, way: list[str]) -> None:
    machine.write(machine.bin / NAME, foreign)
    status, _, err = machine.run("--install", *(way and [*way, str(machine.bin)]))
    assert status == 1 and "not ours" in err and (machine.bin / NAME).read_text() == foreign
    status, out, _ = machine.run("--uninstall")
    assert status == 0 and "not ours" in out and (machine.bin / NAME).read_text() == foreign


def test_a_link_is_not_written_through(machine: Machine) -> None:
    precious = machine.other / "precious"
    precious.write_text(SCRIPT + "# with changes of mine\n")
    precious.chmod(0o755)
    (machine.bin / NAME).symlink_to(precious)
    assert machine.run("--install")[0] == 1
    machine.run("--uninstall")
    assert precious.read_text().endswith("mine\n") and (machine.bin / NAME).is_symlink()


def test_pips_own_is_enough(machine: Machine) -> None:
    machine.write(machine.other / "venv" / NAME, PIPS)
    (machine.bin / NAME).symlink_to(machine.other / "venv" / NAME)  # as pipx does
    status, out, _ = machine.run("--install")
    assert status == 0 and "came with the Python package: nothing to do" in out
    assert "came with the Python package" in machine.run("--uninstall")[1] and (machine.bin / NAME).exists()


def test_an_older_one_of_ours_is_replaced(machine: Machine) -> None:
    machine.write(machine.bin / NAME, SCRIPT.replace("exec", "# an older one\nexec"))
    assert machine.run("--install")[1].startswith(f"wrote {machine.bin / NAME}\n")
    assert (machine.bin / NAME).read_text() == SCRIPT


def test_where_the_plug_in_s_folder_cannot_be_written(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the answer of access(2) is changed."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(machine.bin) and access(path, mode))
    status, _, err = machine.run("--install")
    assert status == 1 and "not writable" in err and "--to" in err
    machine.path(machine.bin, machine.local)
    assert machine.run("--install")[1].startswith(f"wrote {machine.local / NAME}\n")


def test_a_folder_that_is_named(machine: Machine) -> None:
    status, out, _ = machine.run("--install", "--to", str(machine.other))
    assert status == 0 and "not on PATH" in out and (machine.other / NAME).read_text() == SCRIPT
    assert machine.run("--uninstall")[1] == f"there is no {NAME} on PATH\n"
    assert machine.run("--uninstall", "--to", str(machine.other))[1] == f"deleted {machine.other / NAME}\n"
    status, _, err = machine.run("--install", "--to", str(machine.bin / "kubectl-netns"))
    assert status == 1 and "cannot be written" in err


def test_one_that_kubectl_finds_earlier_is_told(machine: Machine) -> None:
    machine.write(machine.bin / NAME, "#!/bin/sh\n")
    assert f"kubectl finds {machine.bin / NAME} first" in machine.run("--install", "--to", str(machine.other))[1]


@pytest.mark.parametrize("words", [["--install", "--uninstall"], ["--to", "/tmp"], ["extra"]])
def test_what_makes_no_sense(machine: Machine, words: list[str]) -> None:
    assert machine.run(*words)[0] == 2
