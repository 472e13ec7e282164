"""kube-apiserver and kubelet from Debian's source package `kubernetes`, which is complete with vendor/; 4 to 5 minutes once.

A plain `go build` fails: only Kubernetes' own `make` writes the generated files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .packages import sources
from .places import CACHE, KUBERNETES, Trouble, say
from .processes import run

BINARIES = ("kube-apiserver", "kubelet")
HOME = CACHE / f"kubernetes-{KUBERNETES}"
VERSION = f"""KUBE_GIT_VERSION=v{KUBERNETES}
KUBE_GIT_MAJOR=1
KUBE_GIT_MINOR=20
KUBE_GIT_COMMIT=debian
KUBE_GIT_TREE_STATE=clean
"""


def build() -> None:
    """Into the cache, whole or not at all: the folder appears under its name when it is complete."""
    if all((HOME / name).exists() for name in BINARIES):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as folder:
        work = Path(folder)
        say("fetching the source of Kubernetes")
        tree = work / "go/src/k8s.io/kubernetes"
        tree.mkdir(parents=True)
        run("tar", "xf", _source(work), "-C", tree, "--strip-components=1")
        say("building kube-apiserver and kubelet (about five minutes, once)")
        (work / "version").write_text(VERSION)
        environment = {**os.environ, "GOPATH": str(work / "go"), "GOCACHE": str(work / "gocache"), "CGO_ENABLED": "0",
                       "KUBE_GIT_VERSION_FILE": str(work / "version")}  # fmt: skip
        what = " ".join(f"cmd/{name}" for name in BINARIES)
        made = subprocess.run(
            ["make", f"WHAT={what}"], cwd=tree, env=environment, capture_output=True, text=True, timeout=3000
        )
        if made.returncode:
            raise Trouble(f"building Kubernetes failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
        finished = work / "finished"
        finished.mkdir()
        for name in BINARIES:
            shutil.copy2(tree / "_output/bin" / name, finished / name)
        run("chmod", "-R", "u+w", work)
        finished.rename(HOME)


def _source(work: Path) -> Path:
    lists, parts = work / "lists", sources(work / "parts")
    (lists / "partial").mkdir(parents=True)
    options = ["-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={parts}",
               "-o", f"Dir::State::Lists={lists}", "-o", "APT::Sandbox::User=root", "-qq"]  # fmt: skip
    run("apt-get", *options, "update", cwd=work)
    run("apt-get", *options, "source", "--download-only", "kubernetes", cwd=work)
    found = sorted(work.glob(f"kubernetes_*{KUBERNETES}*.orig.tar.*"))  # Debian calls it 1.20.5+really1.20.2
    if not found:
        raise Trouble(f"Debian's kubernetes is not {KUBERNETES} any more: {[file.name for file in work.glob('kubernetes_*')]}")
    return found[0]
