"""Debian's packages. Installing them must start no daemon: policy-rc.d says so while apt runs, and is put back as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .places import Trouble, Unavailable, say
from .processes import run

NEEDED = (
    "docker.io containerd runc containernetworking-plugins etcd-server iptables busybox-static golang-go debootstrap rsync "
    "jq make gcc libc6-dev iproute2 openssl util-linux dpkg-dev python3-venv ca-certificates bash-completion zsh fish mandoc"
).split()
POLICY = Path("/usr/sbin/policy-rc.d")
KUBECTL_MINOR = 30


def check_machine() -> None:
    """Raises Unavailable with the reason why no cluster can be had here."""
    if os.geteuid() != 0:
        raise Unavailable("the test cluster needs root")
    release = Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""
    if "VERSION_CODENAME=bookworm" not in release:
        raise Unavailable("the test cluster is built from the packages of Debian 12 (bookworm), which this machine is not")
    if not Path("/sys/fs/cgroup/memory").is_dir():
        raise Unavailable("Kubernetes 1.20 wants cgroup v1: boot with systemd.unified_cgroup_hierarchy=0")
    if shutil.which("kubectl") is None:
        raise Unavailable("kubectl is not on PATH: install 1.30 or newer")
    version = run("kubectl", "version", "--client", "-o", "json", check=False).stdout
    minor = version.partition('"minor": "')[2].partition('"')[0].rstrip("+")
    if not minor.isdigit() or int(minor) < KUBECTL_MINOR:
        raise Unavailable(f"kubectl 1.{minor or '?'} is too old: 1.{KUBECTL_MINOR} or newer is needed")


def install() -> None:
    missing = [name for name in NEEDED if not _installed(name)]
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    with no_daemons():
        if not any(Path("/var/lib/apt/lists").glob("*_Packages*")) or not _apt("install", *missing, check=False):
            _apt("update")
            _apt("install", *missing)


def _installed(name: str) -> bool:
    status = run("dpkg-query", "-W", "-f", "${db:Status-Status}", name, check=False)
    return status.stdout == "installed"


def _apt(verb: str, *names: str, check: bool = True) -> bool:
    command = ["apt-get", "-qq", "-y", verb, *(["--no-install-recommends", *names] if names else [])]
    result = subprocess.run(
        command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True, timeout=900
    )
    if check and result.returncode:
        raise Unavailable(f"`apt-get {verb}` failed: {result.stderr.strip().splitlines()[-1:]}")
    return result.returncode == 0


@contextmanager
def no_daemons() -> Iterator[None]:
    kept = POLICY.read_bytes() if POLICY.exists() else None
    mode = POLICY.stat().st_mode if kept is not None else 0o755
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if kept is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(kept)
            POLICY.chmod(mode)


def sources(into: Path) -> Path:
    """A private list with a deb-src twin of every Debian source that the machine has; gives its directory."""
    into.mkdir(parents=True, exist_ok=True)
    for file in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if not file.is_file() or "bookworm" not in (text := file.read_text()):
            continue
        if file.suffix == ".sources":
            (into / file.name).write_text(text.replace("Types: deb\n", "Types: deb-src\n"))
        else:
            lines = [line.replace("deb ", "deb-src ", 1) for line in text.splitlines() if line.startswith("deb ")]
            (into / f"{file.stem}.list").write_text("\n".join(lines) + "\n")
    if not any(into.iterdir()):
        raise Trouble("apt has no sources for bookworm")
    return into


def mirror() -> str:
    """The machine's own Debian mirror, for debootstrap."""
    text = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages").stdout
    for line in text.splitlines():
        uri, _, codename = line.partition(" ")
        if codename == "bookworm" and "security" not in uri:
            return uri
    raise Trouble("apt knows no mirror of bookworm")
