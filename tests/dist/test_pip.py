"""`pip install .` and `pipx install .` give `kubectl netns`, in folders with spaces, with the newest dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kubectl_netns

from .conftest import ROOT, tools

# every class of `kubernetes` compiled would be most of the time that this takes
QUICK = {"PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}


def installing(words: list[str], **environment: str) -> None:
    result = subprocess.run(words, cwd=ROOT, env={**os.environ, **QUICK, **environment}, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


def says_its_version(bin_: Path, folder: Path) -> None:
    path = tools(folder)
    environment = {"PATH": f"{bin_}:{path}", "HOME": str(folder)}
    for words in (["version"], ["--help"]):
        answer = subprocess.run([path / "kubectl", "netns", *words], env=environment, cwd=folder, capture_output=True, text=True)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert words != ["version"] or answer.stdout.startswith(f"kubectl-netns {kubectl_netns.__version__} ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "some where"
    made.mkdir()
    return made


def test_pip(folder: Path) -> None:
    installing([sys.executable, "-m", "venv", str(folder / "venv")])
    installing([str(folder / "venv/bin/python"), "-m", "pip", "install", "."])
    says_its_version(folder / "venv/bin", folder / "tools")


def test_pipx(folder: Path) -> None:
    # its own installer of choice may be uv, which the tests do not need
    places = {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "bin"), "PIPX_MAN_DIR": str(folder / "man")}
    installing([sys.executable, "-m", "pipx", "install", "."], **places, PIPX_DEFAULT_BACKEND="pip")
    says_its_version(folder / "bin", folder / "tools")
