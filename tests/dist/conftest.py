"""`make dist`, once for all tests here; and its archive, installed as krew does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Outcome, unavailable

from . import krew

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Dist:
    """A folder that `make dist` has filled."""

    folder: Path

    def file(self, pattern: str) -> Path:
        (found,) = self.folder.glob(pattern)
        return found

    @property
    def wheel(self) -> Path:
        return self.file("*.whl")

    @property
    def sdist(self) -> Path:
        return self.file("kubectl_netns-*.tar.gz")

    @property
    def archive(self) -> Path:
        return self.file("*-krew.tar.gz")

    @property
    def manifest(self) -> Path:
        return self.file("netns.yaml")


def make_dist(tree: Path, into: Path, **environment: str) -> Dist:
    """`make dist` in this tree, with the Python that runs the tests; what it needs of the virtual environment is there already."""
    python = Path(sys.executable)
    words = ["make", "--assume-old", f"{python.parent.parent}/ready", f"VENV={python.parent.parent}", "dist", f"TO={into}"]
    result = subprocess.run(words, cwd=tree, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return Dist(into)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    return make_dist(ROOT, tmp_path_factory.mktemp("dist"))


@dataclass(frozen=True)
class Installed:
    """The archive under an empty HOME. Nothing is on PATH but krew's folder, kubectl, and the Python that is named."""

    home: Path
    bin: Path

    @property
    def store(self) -> Path:
        return (self.bin / "kubectl-netns").resolve().parent

    def run(self, words: Sequence[str], tools: Path, **environment: str) -> Outcome:
        result = subprocess.run(
            words, capture_output=True, text=True, timeout=120, cwd=self.home,
            env={"PATH": f"{self.bin}:{tools}", "HOME": str(self.home), **environment},
        )  # fmt: skip
        assert "Traceback" not in result.stderr, result.stderr
        return Outcome(result.returncode, result.stdout, result.stderr)

    def netns(self, *words: str, tools: Path, **environment: str) -> Outcome:
        """`kubectl netns …`, through kubectl."""
        return self.run([str(tools / "kubectl"), "netns", *words], tools, **environment)


@pytest.fixture
def installed(built: Dist, tmp_path: Path) -> Installed:
    home = tmp_path / "a home with spaces"
    home.mkdir()
    return Installed(home, krew.install(built.manifest, built.archive, home / ".krew"))


def tools(folder: Path, **programs: str | Path) -> Path:
    """A folder for PATH with kubectl, and these programs by these names (python3_12 is python3.12)."""
    folder.mkdir(exist_ok=True)
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        unavailable("kubectl is not on PATH")
    for name, target in {"kubectl": kubectl, **programs}.items():
        (folder / name.replace("_", ".")).symlink_to(target)
    return folder


def pythons() -> dict[tuple[int, int], Path]:
    """Every Python of this machine by its version, virtual environments and pyenv's shims aside."""
    folders = [Path("/usr/bin"), Path("/usr/local/bin"), Path(sys.base_prefix) / "bin"]
    folders += sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin"))
    found = {}
    for python in (one for folder in folders for one in sorted(folder.glob("python[23].*"))):
        if python.name.replace("python", "").replace(".", "").isdecimal():
            major, minor = python.name.removeprefix("python").split(".")
            found.setdefault((int(major), int(minor)), python)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The newest Python that there is, as python3."""
    return tools(tmp_path / "tools", python3=max(pythons().items())[1])
