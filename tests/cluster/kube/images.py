"""Three small images, made from what Debian has, as archives that both `docker load` and `ctr images import` take.

pause is a static C program, busybox a static binary, python a Debian root with python3-minimal and its standard library.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

from .packages import mirror
from .places import CACHE, IMAGES, say
from .processes import run

HOME = CACHE / "images-1"
PAUSE = """#include <signal.h>
#include <unistd.h>
static void leave(int n) { _exit(0); }
int main(void) { signal(SIGTERM, leave); signal(SIGINT, leave); signal(SIGCHLD, SIG_IGN); for (;;) pause(); }
"""
USELESS = ("var/cache/apt", "var/lib/apt", "usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/zoneinfo")


def build() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name, fill in (("pause", _pause), ("busybox", _busybox), ("python", _python)):
        if archive(name).exists():
            continue
        say(f"making the image {IMAGES[name]}")
        with tempfile.TemporaryDirectory(prefix="image-", dir=CACHE) as folder:
            root = Path(folder) / "root"
            root.mkdir(mode=0o755)
            command = fill(root)
            unfinished = Path(folder) / "image.tar"
            _write(unfinished, root, IMAGES[name], command)
            unfinished.rename(archive(name))


def archive(name: str) -> Path:
    return HOME / f"{name}.tar"


def _pause(root: Path) -> list[str]:
    source = root.parent / "pause.c"
    source.write_text(PAUSE)
    run("gcc", "-Os", "-static", "-o", root / "pause", source)
    return ["/pause"]


def _busybox(root: Path) -> list[str]:
    for folder in ("bin", "tmp", "etc", "proc", "sys", "dev"):
        (root / folder).mkdir()
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    for applet in run(root / "bin/busybox", "--list").stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    return ["/bin/sh"]


def _python(root: Path) -> list[str]:
    run("debootstrap", "--variant=minbase", "--include=python3-minimal,libpython3-stdlib", "bookworm", root, mirror())
    for folder in USELESS:
        shutil.rmtree(root / folder, ignore_errors=True)
    return ["python3"]


def _write(target: Path, root: Path, name: str, command: list[str]) -> None:
    """The layout of `docker save`: one layer, its configuration, and a manifest that names both."""
    layer = target.with_name("layer.tar")
    with tarfile.open(layer, "w") as tar:
        tar.add(root, arcname=".")
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    config = json.dumps(
        {
            "architecture": run("dpkg", "--print-architecture").stdout.strip(),
            "os": "linux",
            "config": {"Cmd": command, "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": "kubectl-netns tests"}],
        }
    ).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(target, "w") as tar:
        for entry, data in ((config_name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(entry)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        tar.add(layer, arcname="layer.tar")
