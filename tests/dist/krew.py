"""What krew and its index would do with a manifest and an archive, by the rules in krew's sources (v0.4 and its main branch).

krew itself cannot be had here: it comes from none of the package registries that the tests may use. So its rules are written
down anew: those of `validate-krew-manifest`, which the index runs on every submission, of the naming guide, of unpacking
(`internal/download`), and of moving and linking (`internal/installation`). `tests/dist/test_manifest.py` holds both sides of each.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import yaml

API_VERSION = "krew.googlecontainertools.github.com/v1alpha2"
PLATFORMS = [
    *itertools.product(["windows"], ["386", "amd64", "arm64"]),
    *itertools.product(["linux"], ["386", "amd64", "arm", "arm64", "ppc64le"]),
    *itertools.product(["darwin"], ["386", "amd64", "arm64"]),
]
LICENCES = {"license", "license.txt", "license.md", "licenses", "licenses.txt", "licenses.md", "copying", "copying.txt"}
SEMVER = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
TAGLINE = 50  # `kubectl krew search` cuts it off there


class Refused(Exception):
    pass


def check(condition: object, rule: str) -> None:
    if not condition:
        raise Refused(rule)


def validate(path: Path) -> dict[str, Any]:
    """The manifest, if the index would take it. Raises Refused."""
    manifest: dict[str, Any] = yaml.safe_load(path.read_text())
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    check(path.suffix == ".yaml" and path.stem == name, "the file is named as the plugin")
    check((manifest["apiVersion"], manifest["kind"]) == (API_VERSION, "Plugin"), "apiVersion and kind")
    check(re.fullmatch(r"[\w-]+", name) and name.lower() not in DEVICES, "a safe name")
    check(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and not name.startswith("kube"), "the naming guide")
    check(SEMVER.fullmatch(spec["version"]), "version is v and a semantic version")
    tagline = spec.get("shortDescription", "")
    check(tagline and not re.search(r"[\r\n]", tagline) and len(tagline) <= TAGLINE, "shortDescription is one short line")
    check(spec.get("description", "").strip() and spec.get("homepage", "").startswith("https://"), "description and homepage")
    check(spec.get("platforms"), "platforms")
    for platform in spec["platforms"]:
        _validate_platform(platform)
    for pair in PLATFORMS:
        check(sum(_selects(one["selector"], pair) for one in spec["platforms"]) <= 1, f"one platform at most for {pair}")
    known = {"version", "homepage", "shortDescription", "description", "caveats", "platforms"}
    check(set(spec) <= known, "no field that krew does not know")
    return manifest


def _validate_platform(platform: dict[str, Any]) -> None:
    check(set(platform) <= {"uri", "sha256", "bin", "files", "selector"}, "no field that krew does not know")
    check(re.fullmatch(r"https://[^\s/]+/\S+\.(tar\.gz|zip)", platform.get("uri", "")), "uri is https and an archive's")
    check(re.fullmatch(r"[a-f0-9]{64}", platform.get("sha256", "")), "sha256")
    check(platform.get("bin"), "bin")
    check("files" not in platform or platform["files"], "files is left out or not empty")
    selector = platform.get("selector") or {}
    check(set(selector) <= {"matchLabels", "matchExpressions"} and all(selector.values()), "a selector that selects")
    keys = {*selector.get("matchLabels", {}), *(one["key"] for one in selector.get("matchExpressions", []))}
    check(keys and keys <= {"os", "arch"}, "a selector by os and arch")
    check(any(_selects(selector, pair) for pair in PLATFORMS), "a platform that there is")


def _selects(selector: dict[str, Any], pair: tuple[str, str]) -> bool:
    labels = dict(zip(("os", "arch"), pair))
    inside = {"In": lambda one: labels[one["key"]] in one["values"], "NotIn": lambda one: labels[one["key"]] not in one["values"]}
    wanted = all(labels[key] == value for key, value in selector.get("matchLabels", {}).items())
    return wanted and all(inside[one["operator"]](one) for one in selector.get("matchExpressions", []))


def install(path: Path, archive: Path, root: Path, pair: tuple[str, str] = ("linux", "amd64")) -> Path:
    """As `KREW_ROOT=root kubectl krew install --manifest=… --archive=…` would. Gives the folder for PATH. Raises Refused."""
    manifest = validate(path)
    (platform,) = (one for one in manifest["spec"]["platforms"] if _selects(one["selector"], pair))
    content = archive.read_bytes()
    check(hashlib.sha256(content).hexdigest() == platform["sha256"], "the archive's checksum")
    name, version = manifest["metadata"]["name"], manifest["spec"]["version"]
    store, bin_ = root / "store" / name / version, root / "bin"
    unpack(content, store)
    check(any(one.is_file() and one.name.lower() in LICENCES for one in store.rglob("*")), "a licence is installed")
    target = (store / platform["bin"]).resolve()
    check(target.is_relative_to(store.resolve()) and target.is_file(), "bin is a file of the archive")
    bin_.mkdir(parents=True, exist_ok=True)
    (bin_ / f"kubectl-{name.replace('-', '_')}").symlink_to(os.path.relpath(target, bin_.resolve()))
    return bin_


def unpack(content: bytes, into: Path) -> None:
    """Regular files and folders only, with their modes and today's times; a name that is there twice is written over, not cut off."""
    check(content[:3] == b"\x1f\x8b\x08", "gzip, by its first bytes")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
        for entry in tar:
            check(".." not in entry.name and not entry.name.startswith(("/", "\\")), f"no suspicious name: {entry.name}")
            check(entry.isdir() or entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE), f"no links: {entry.name}")
            place = into / entry.name
            if entry.isdir():
                place.mkdir(mode=entry.mode, parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            file = tar.extractfile(entry)
            assert file
            with os.fdopen(os.open(place, os.O_CREAT | os.O_WRONLY, entry.mode), "wb") as written:
                written.write(file.read())
