"""`python -m krew dist [FOLDER]` makes everything that is published; `python -m krew lock` takes the newest dependencies.

The same commit gives the same bytes, on any day and in any folder: the packages are those of the locks, and every time in the
archives is SOURCE_DATE_EPOCH (by default the last commit's; where there is no git, that of a build long ago).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import string
import subprocess
import sys
import tempfile
from email.parser import Parser
from pathlib import Path

from . import archive, wheels

HERE = Path(__file__).parent
ROOT = HERE.parent
LONG_AGO = 1580601600  # hatchling's own default


def dist(into: Path, manifest: Path) -> None:
    """Wheel, sdist and archive into the folder, and the manifest that names the archive's checksum."""
    seconds = _time()
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        own, sdist = _built(Path(folder), seconds)
        about = _about(own)
        for made in (own, sdist):
            shutil.copyfile(made, into / made.name)
        packages = wheels.fetch(wheels.RUNTIME, Path(folder) / "runtime")
        packed = archive.pack(archive.tree([*packages, own], (ROOT / "LICENSE").read_bytes()), seconds)
    name = f"kubectl-netns-v{about['version']}-krew.tar.gz"
    (into / name).write_bytes(packed)
    values = {**about, "archive": name, "sha256": hashlib.sha256(packed).hexdigest()}
    manifest.write_text(string.Template((HERE / "netns.yaml.in").read_text().partition("\n")[2]).substitute(values))
    for made in (into / own.name, into / sdist.name, into / name, manifest):
        print(f"{made.stat().st_size:9}  {os.path.relpath(made)}")


def lock() -> None:
    wheels.lock_build()
    with tempfile.TemporaryDirectory() as folder:
        wheels.lock_runtime(_built(Path(folder), LONG_AGO)[0])


def _built(folder: Path, seconds: int) -> tuple[Path, Path]:
    """Our wheel and sdist, by the locked hatchling."""
    wheels.install(wheels.BUILD, folder / "build")
    environment = {**os.environ, "PYTHONPATH": str(folder / "build"), "SOURCE_DATE_EPOCH": str(seconds)}
    made = folder / "made"
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(made), "--target", "sdist", "--target", "wheel"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"hatchling failed:\n{result.stdout}{result.stderr}")
    (wheel,), (sdist,) = made.glob("*.whl"), made.glob("*.tar.gz")
    return wheel, sdist


def _about(wheel: Path) -> dict[str, str]:
    """Version and homepage, as the wheel's metadata has them."""
    (text,) = (content.decode() for name, content in wheels.files(wheel) if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(text)
    links = dict(link.split(", ", 1) for link in metadata.get_all("Project-URL", []))
    return {"version": metadata["Version"], "homepage": links["Homepage"]}


def _time() -> int:
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    try:
        asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return LONG_AGO
    return int(asked.stdout) if asked.returncode == 0 and asked.stdout.strip() else LONG_AGO


def main(words: list[str]) -> None:
    if words == ["lock"]:
        lock()
    elif words[:1] == ["dist"] and len(words) <= 2:
        into = Path(words[1]) if len(words) == 2 else ROOT / "dist"
        dist(into, HERE / "netns.yaml" if len(words) == 1 else into / "netns.yaml")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
