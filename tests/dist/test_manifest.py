"""krew/netns.yaml passes the rules of krew and of its index, and the rules are such that a worse one would not."""

from __future__ import annotations

import copy
import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import krew
from .conftest import Dist


def test_the_index_would_take_it(built: Dist) -> None:
    manifest = krew.validate(built.manifest)
    (platform,) = manifest["spec"]["platforms"]
    selected = {pair for pair in krew.PLATFORMS if krew._selects(platform["selector"], pair)}
    assert selected == {(system, machine) for system in ("linux", "darwin") for machine in ("amd64", "arm64")}
    assert platform["uri"].rpartition("/")[2] == built.archive.name
    assert "3.10" in manifest["spec"]["caveats"] and "kubectl 1.30" in manifest["spec"]["caveats"]


@pytest.mark.parametrize("pair", [(system, machine) for system in ("linux", "darwin") for machine in ("amd64", "arm64")])
def test_it_installs_on_each_platform(built: Dist, tmp_path: Path, pair: tuple[str, str]) -> None:
    link = krew.install(built.manifest, built.archive, tmp_path, pair) / "kubectl-netns"
    assert link.is_symlink() and not link.readlink().is_absolute()
    assert link.resolve() == (tmp_path / "store/netns/v0.1.0/kubectl-netns").resolve() and link.stat().st_mode & 0o111


Spoil = Callable[[dict[str, Any]], object]
WORSE: dict[str, Spoil] = {
    "apiVersion": lambda it: it.update(apiVersion="v1"),
    "a safe name": lambda it: it["metadata"].update(name="nul"),
    "v and a semantic version": lambda it: it["spec"].update(version="0.1.0"),
    "one short line": lambda it: it["spec"].update(shortDescription="two\nlines"),
    "description": lambda it: it["spec"].pop("description"),
    "platforms": lambda it: it["spec"].update(platforms=[]),
    "uri is https": lambda it: it["spec"]["platforms"][0].update(uri="http://example.org/a.tar.gz"),
    "sha256": lambda it: it["spec"]["platforms"][0].update(sha256="0"),
    "bin": lambda it: it["spec"]["platforms"][0].pop("bin"),
    "os and arch": lambda it: it["spec"]["platforms"][0].update(selector={"matchLabels": {"machine": "x"}}),
    "a platform that there is": lambda it: it["spec"]["platforms"][0].update(selector={"matchLabels": {"os": "plan9"}}),
    "one platform at most": lambda it: it["spec"]["platforms"].append(copy.deepcopy(it["spec"]["platforms"][0])),
}


@pytest.mark.parametrize("rule", WORSE)
def test_a_worse_manifest_is_refused(built: Dist, tmp_path: Path, rule: str) -> None:
    manifest = yaml.safe_load(built.manifest.read_text())
    WORSE[rule](manifest)
    spoilt = tmp_path / f"{manifest['metadata']['name']}.yaml"
    spoilt.write_text(yaml.safe_dump(manifest))
    with pytest.raises(krew.Refused, match=rule):
        krew.validate(spoilt)


@pytest.mark.parametrize(("rule", "name", "kind"), [
    ("no links", "lib/link", tarfile.SYMTYPE), ("no links", "lib/link", tarfile.LNKTYPE),
    ("suspicious", "../escape", tarfile.REGTYPE), ("suspicious", "a/..b", tarfile.REGTYPE), ("suspicious", "/etc/x", tarfile.REGTYPE),
])  # fmt: skip
def test_a_worse_archive_is_refused(tmp_path: Path, rule: str, name: str, kind: bytes) -> None:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "target"
        tar.addfile(entry)
    with pytest.raises(krew.Refused, match=rule):
        krew.unpack(gzip.compress(memory.getvalue()), tmp_path / "in")


def test_another_archive_is_refused(built: Dist, tmp_path: Path) -> None:
    other = tmp_path / "other.tar.gz"
    other.write_bytes(built.archive.read_bytes() + b"\0")
    with pytest.raises(krew.Refused, match="checksum"):
        krew.install(built.manifest, other, tmp_path)
