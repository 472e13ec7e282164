"""The packages that the archive is put together from: resolved once (`make lock`), fetched by checksum ever after.

A lock is in pip's own format, and pip makes it: a dry run that may take nothing but wheels for any platform, whose report names
their checksums. So no compiled package can get in, and where the newest version of one needs a compiled one (kubernetes 37 needs
pydantic), pip goes back to the newest that does not. One exception: PyYAML has no such wheel, but works without the compiled
part of the one that is taken. Trap: pip takes the markers of *this* Python (`python_version < "3.11"`), whatever it resolves for.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME, BUILD = HERE / "runtime.lock", HERE / "build.lock"
BUILDERS = ("hatchling", "tomli")  # hatchling wants the latter on Python 3.10
OLDEST = "3.10"
PURE = ("--only-binary=:all:", f"--python-version={OLDEST}", "--implementation=py", "--abi=none", "--platform=any")
COMPILED_IN_PART = "pyyaml"
# which of its wheels is all the same: only the .py files are taken
PARTLY = ("--only-binary=:all:", f"--python-version={OLDEST}", "--implementation=cp", "--abi=cp310", "--abi=none",
          "--platform=manylinux_2_17_x86_64", "--platform=any")  # fmt: skip
EXTENSIONS = (".so", ".pyd", ".dylib", ".dll")


def pip(*words: str) -> None:
    """Raises SystemExit with what pip says."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"pip {words[0]} failed:\n{result.stderr}")


def fetch(lock: Path, into: Path) -> list[Path]:
    """Exactly the wheels of the lock, in the order of their names. Raises SystemExit for one that is compiled."""
    pip("download", "--no-deps", "--require-hashes", *PARTLY, f"--dest={into}", f"--requirement={lock}")
    wheels = sorted(into.glob("*.whl"))
    for wheel in wheels:
        if not wheel.name.endswith("-none-any.whl") and not wheel.name.startswith(f"{COMPILED_IN_PART}-"):
            raise SystemExit(f"{lock.name} has a compiled package: {wheel.name}")
    return wheels


def install(lock: Path, into: Path) -> None:
    """The packages of a lock in a folder of their own, for PYTHONPATH."""
    locked = ("--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={lock}")
    pip("install", "--no-compile", f"--target={into}", *locked)


def files(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """What a wheel holds, without compiled parts."""
    with zipfile.ZipFile(wheel) as opened:
        for name in opened.namelist():
            if not name.endswith((*EXTENSIONS, "/")):
                yield name, opened.read(name)


def lock_build() -> None:
    _write(BUILD, _resolve(BUILDERS), "what makes the wheel and the sdist")


def lock_runtime(own: Path) -> None:
    """Resolve what our wheel asks for."""
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", *PARTLY, f"--dest={folder}", COMPILED_IN_PART)
        (wheel,) = Path(folder).glob("*.whl")
        found = _resolve([str(own), f"--find-links={_as_pure(wheel, Path(folder) / 'pure')}"])
        found[COMPILED_IN_PART] = (found[COMPILED_IN_PART][0], _sha256(wheel))
    _write(RUNTIME, {name: one for name, one in found.items() if name != "kubectl-netns"}, "what krew's archive is made from")


def _resolve(words: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Version and checksum by name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip("install", "--dry-run", "--ignore-installed", *PURE, f"--target={folder}/none", f"--report={report}", *words)
        entries = json.loads(report.read_text())["install"]
    return {
        re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(): (
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in entries
    }


def _as_pure(wheel: Path, folder: Path) -> Path:
    """A folder with the same wheel, said to be for any platform: for the resolver's eyes only."""
    folder.mkdir()
    name, version, *_ = wheel.name.split("-")
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        for path, content in files(wheel):
            made.writestr(path, content)
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, found: dict[str, tuple[str, str]], what: str) -> None:
    lines = [f"{name}=={version} --hash=sha256:{sha256}" for name, (version, sha256) in sorted(found.items())]
    path.write_text("\n".join([f"# {what}; made by `make lock`", *lines, ""]))
