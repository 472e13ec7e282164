"""Where the agent stands: through which paths it sees the node's processes and files.

In the agent's pod the node's files are seen through /proc/1/root, not /host: a mount made after the pod started never
appears under /host (no mount propagation), while /proc/1/root stays current. Recorded trees serve as tests the same way.
"""

from __future__ import annotations

import os
from typing import NamedTuple


class Place(NamedTuple):
    """`proc` is a procfs of the node's PID namespace; `root` leads to the files that the node's PID 1 sees."""

    proc: str = "/proc"
    root: str = "/"

    def file(self, path: str) -> str:
        """The way from here to an absolute path of the node. /var/run is /run: an absolute symlink would end elsewhere."""
        if path.startswith("/var/run/"):
            path = path.removeprefix("/var")
        return os.path.join(self.root, path.lstrip("/"))

    def process(self, pid: int, *parts: str) -> str:
        return os.path.join(self.proc, str(pid), *parts)


HERE = Place()
NODE = Place(root="/proc/1/root")
