"""Where everything is, and by what names it is known on the machine. Whatever we make outside these bears PREFIX."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PREFIX = "netnstest"
STATE = Path("/run/kubectl-netns-cluster")  # pids, certificates, kubeconfigs, logs
DATA = Path("/var/lib/kubectl-netns-cluster")  # what etcd, the runtimes and the kubelets keep
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubectl-netns"

BRIDGE = f"{PREFIX}0"
GATEWAY = "172.30.77.1"
CGROUP = f"/{PREFIX}"
API = f"https://{GATEWAY}:6443"
KUBERNETES = "1.20.2"

IMAGES = {"pause": "netns.test/pause:1", "busybox": "netns.test/busybox:1", "python": "netns.test/python:1"}
NAMESPACES = ("shop", "netns-test")
RESTRICTED = "netns-restricted"  # where no policy allows privileged pods


if os.environ.get("CLUSTER") != "current":
    # kubectl would keep what it learned of this cluster in ~/.kube
    os.environ.setdefault("KUBECACHEDIR", str(STATE / "kubectl-cache"))


class Trouble(Exception):
    """What is told to the user in one sentence."""


class Unavailable(Trouble):
    """A cluster cannot be had on this machine at all (exit status 2)."""


def say(text: str) -> None:
    print(f"cluster: {text}", file=sys.stderr, flush=True)
