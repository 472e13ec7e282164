"""How soon krew's archive starts: `kubectl netns version`, the first time and later, against `kubectl version --client`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.dist import krew
from tests.dist.conftest import ROOT, make_dist

from .pairs import Ratio, paired, seconds

FIRST, LATER = 7.0, 4.0  # kubectl starts first in both


def measure() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        built = make_dist(ROOT, Path(folder) / "dist")
        bin_ = krew.install(built.manifest, built.archive, Path(folder) / "krew")
        store = (bin_ / "kubectl-netns").resolve().parent
        # the Python itself, and no shim before it
        environment = {"HOME": folder, "PATH": f"{bin_}:{sys.base_prefix}/bin:{os.environ['PATH']}"}

        def run(*words: str) -> float:
            return seconds(lambda: subprocess.run(["kubectl", *words], env=environment, stdout=subprocess.DEVNULL, check=True))

        def first() -> float:
            for cache in list(store.rglob("__pycache__")):
                shutil.rmtree(cache)
            return run("netns", "version")

        what = "`kubectl netns version` from krew's archive, {} / `kubectl version --client`"
        yield paired(what.format("first run"), first, lambda: run("version", "--client"), FIRST)
        yield paired(what.format("later"), lambda: run("netns", "version"), lambda: run("version", "--client"), LATER, rounds=15)
