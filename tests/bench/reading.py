"""How fast namespaces are read: against a C program, and against what people do instead with `ip` and `nsenter`.

Everything happens in a world of its own (`inside.py`, under `unshare`): an empty /run, a PID 1 and a host network of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .pairs import Ratio

WORLD = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private",
         "sh", "-c", 'umount -a -t nsfs; mount -t tmpfs tmpfs /run && "$@"; exit $?', "world"]  # fmt: skip


# as in the official images, Debian's Python is built with profile-guided optimisation; one that a version manager has built is
# often not, and a quarter slower, which says nothing about the agent
PYTHON = shutil.which("python3", path="/usr/bin") or sys.executable
PACKAGES = f"{os.getcwd()}:{sysconfig.get_path('purelib')}"


def measure() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        bound = f"{folder}/lower_bound"
        subprocess.run(["gcc", "-O2", "-o", bound, str(Path(__file__).with_name("lower_bound.c"))], check=True)
        command = [*WORLD, PYTHON, "-m", "tests.bench.inside", bound]
        environment = {**os.environ, "PYTHONPATH": PACKAGES}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as world:
            assert world.stdout
            for line in world.stdout:
                yield Ratio(**json.loads(line))
        if world.returncode:
            raise SystemExit("the world of the bench ended with a failure")
