"""This checkout as a kubectl plug-in: a folder with `kubectl-netns` for PATH, whatever else is installed on this machine."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def installed(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment in which kubectl finds it; nothing of the user's home is read or written."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "kubectl-netns"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m kubectl_netns "$@"\n')
    program.chmod(0o755)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {**environment, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(home)}
