"""The same bytes twice, from locked packages none of which is compiled; one version everywhere; the sources and no more."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml

import kubectl_netns
from krew import archive, wheels

from .conftest import ROOT, Dist, make_dist


@pytest.fixture(scope="session")
def sources() -> list[str]:
    """What git has, or would take."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted(name for name in listed if name and (ROOT / name).is_file())


def test_another_folder_another_day_the_same_bytes(built: Dist, sources: list[str], tmp_path: Path) -> None:
    copy = tmp_path / "a copy with spaces"
    for name in sources:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)  # its time is now
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    there = {"SOURCE_DATE_EPOCH": asked.stdout.strip(), "TZ": "Pacific/Apia", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    again = make_dist(copy, tmp_path / "again", **there)
    sums = [{one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in made.folder.iterdir()} for made in (built, again)]
    assert sums[0] == sums[1] and len(sums[0]) == 4


def test_the_sdist_has_what_git_has(built: Dist, sources: list[str]) -> None:
    with tarfile.open(built.sdist) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    assert packed == {*sources, "PKG-INFO"}


def test_the_licence_and_our_files_are_in_wheel_and_archive(built: Dist, sources: list[str]) -> None:
    own = {name for name in sources if name.startswith("kubectl_netns/")}
    licence = (ROOT / "LICENSE").read_bytes()
    with zipfile.ZipFile(built.wheel) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert own == {name for name in names if ".data/" not in name}
        assert [name.partition(".data/data/")[2] for name in names if ".data/" in name] == ["share/man/man1/kubectl-netns.1"]
        assert [wheel.read(name) for name in wheel.namelist() if name.endswith("/licenses/LICENSE")] == [licence]
    with tarfile.open(built.archive) as tar:
        names = set(tar.getnames())
        packed = tar.extractfile("LICENSE")
        assert packed and packed.read() == licence
    assert {f"lib/{name}" for name in own} <= names
    others = {name.split("/")[1] for name in names if name.endswith(".dist-info/METADATA")}
    assert {one for one in others if not any(archive._is_licence(name) for name in names if f"/{one}/" in name)} == set()


def test_one_version_everywhere(built: Dist) -> None:
    version = kubectl_netns.__version__
    assert yaml.safe_load(built.manifest.read_text())["spec"]["version"] == f"v{version}"
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[0] == version
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        assert Parser().parsestr(wheel.read(name).decode())["Version"] == version
    named = re.findall(r"kubectl-netns-v[\d.]+-krew\.tar\.gz", (ROOT / "README.md").read_text())
    assert {*named} == {built.archive.name}
    assert {one.name for one in built.folder.iterdir()} == {
        f"kubectl_netns-{version}-py3-none-any.whl", f"kubectl_netns-{version}.tar.gz", f"kubectl-netns-v{version}-krew.tar.gz", "netns.yaml",
    }  # fmt: skip


@pytest.mark.parametrize("lock", [wheels.RUNTIME, wheels.BUILD], ids=lambda lock: lock.name)
def test_a_lock_has_exact_versions_checksums_and_no_address(lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[a-z0-9-]+==[\w.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_the_locked_packages_are_for_any_machine(tmp_path: Path) -> None:
    fetched = [wheel.name for wheel in wheels.fetch(wheels.RUNTIME, tmp_path)]
    locked = [line for line in wheels.RUNTIME.read_text().splitlines() if not line.startswith("#")]
    assert len(fetched) == len(locked)
    # PyYAML's compiled part is optional, and left out
    assert [name for name in fetched if not name.endswith("-none-any.whl")] == [name for name in fetched if name.startswith("pyyaml")]


def test_nothing_compiled_is_in_the_archive(built: Dist) -> None:
    with tarfile.open(built.archive) as tar:
        for entry in tar:
            file = tar.extractfile(entry)
            assert file and not entry.name.endswith((*wheels.EXTENSIONS, ".pyc"))
            # ELF, Mach-O (four ways) and PE
            assert not file.read(4).startswith((b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")), entry.name


def test_a_compiled_package_would_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "pip", lambda *_words: (tmp_path / "yarl-1.0-cp310-cp310-manylinux_2_17_x86_64.whl").touch())
    with pytest.raises(SystemExit, match="has a compiled package: yarl-1.0-cp310"):
        wheels.fetch(wheels.RUNTIME, tmp_path)
