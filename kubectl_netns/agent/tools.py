"""Whose programs a command may be: the node's, the agent image's, or with --local this machine's; where each is looked for.

To use the node's is to be in the mount namespace of its PID 1, with its root. A path is judged only from there: an absolute
symlink (/etc/alternatives, NixOS) would lead elsewhere when it is followed from outside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from . import kernel
from .place import Place

STANDARD = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NODE_PATH = f"{STANDARD}:/opt/bin:/run/current-system/sw/bin"  # where Flatcar and NixOS have theirs


class Unusable(Exception):
    """The command cannot be run; `code` is no-command (127) or not-executable (126)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Kit:
    """Programs that lie in one place. `process` is one whose mounts and root they are in, None: where we are."""

    def __init__(self, name: str, words: str, environment: Mapping[str, str], process: int | None = None) -> None:
        self.name = name
        self.words = words
        self.environment = environment
        self.process = process
        self.descriptors: list[int] = []

    def open(self, place: Place) -> None:
        """While we still see /proc as we do."""
        if self.process is not None:
            for part, flags in ("ns/mnt", os.O_RDONLY), ("root", os.O_PATH):
                pid = "self" if self.process == 0 else str(self.process)
                self.descriptors.append(os.open(os.path.join(place.proc, pid, part), flags))

    def enter(self) -> None:
        """Move this process there; with one thread only. Raises OSError."""
        if self.descriptors:
            mounts, root = self.descriptors
            kernel.enter_mounts(mounts)
            os.fchdir(root)
            os.chroot(".")

    @property
    def path(self) -> str:
        return self.environment.get("PATH") or STANDARD


def kits(place: Place, wanted: str, environment: Mapping[str, str]) -> list[Kit]:
    """In the order in which they are tried. `environment` is the agent's own, which the image's programs expect."""
    if place.root == "/":
        return [Kit("node", "this machine's tools", dict(environment))]
    user = {"HOME": "/root", "USER": "root", "LOGNAME": "root"}
    both = [
        Kit("node", "the node's tools", {"PATH": NODE_PATH, **user}, 1),
        Kit("image", "those of the agent's image", {**user, "PATH": STANDARD, **environment}, 0),
    ]
    return [kit for kit in both if wanted in ("auto", kit.name)]


def choose(place: Place, kits: list[Kit], command: str) -> tuple[Kit, str]:
    """Enter the first that has the command, and give its path there. Raises Unusable with the places that were searched."""
    for kit in kits:
        kit.open(place)
    refused: list[str] = []
    for kit in kits:
        kit.enter()
        for candidate in _candidates(command, kit.path):
            try:
                mode = os.stat(candidate).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and os.access(candidate, os.X_OK):
                return kit, candidate
            refused.append(f"{candidate} ({kit.words}) is {'a folder' if stat.S_ISDIR(mode) else 'not executable'}")
    if refused:
        raise Unusable("not-executable", refused[0])
    places = " nor among ".join(kit.words if "/" in command else f"{kit.words} ({kit.path})" for kit in kits)
    raise Unusable("no-command", f'"{command}" is {"neither" if len(kits) > 1 else "not"} among {places}')


def _candidates(command: str, path: str) -> list[str]:
    if "/" in command:
        return [command]
    return [os.path.join(folder or ".", command) for folder in path.split(":")] if command else []
