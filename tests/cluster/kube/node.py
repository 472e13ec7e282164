"""A node: namespaces of its own, in which the machine's dockerd or containerd, and a kubelet, run as on any other node."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import images, network, processes
from .control_plane import kubeconfig
from .kubernetes_build import HOME
from .places import CGROUP, DATA, IMAGES, STATE, Trouble

CGROUPS = Path("/sys/fs/cgroup")
SYS_RESOURCE = 24


@dataclass(frozen=True)
class Node:
    """`number` gives its address and its pods' ranges; `runtime` is docker or containerd."""

    name: str
    runtime: str
    number: int

    @property
    def address(self) -> str:
        return f"172.30.77.1{self.number}"

    @property
    def init_pid(self) -> int:
        """The node's process 1, as the machine counts. Raises Trouble when the node is down."""
        outer = processes.running(f"{self.name}-init")
        children = Path(f"/proc/{outer}/task/{outer}/children")
        inner = children.read_text().split() if outer and children.exists() else []
        if not inner:
            raise Trouble(f"{self.name} is down")
        return int(inner[0])

    def command(self, command: list[str]) -> list[str]:
        """The command line that runs something on the node, with the node's mounts, network, processes and name."""
        return ["nsenter", f"--target={self.init_pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--", *command]

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run something on the node to its end. Options are subprocess.run's; output is captured as text."""
        return subprocess.run(self.command(command), **{"capture_output": True, "text": True, "timeout": 120, **options})

    def up(self) -> None:
        """Everything but the waiting: the kubelet registers the node by itself."""
        network.node_up(self.name, self.address)
        if not processes.running(f"{self.name}-init"):
            self._boot()
        if not processes.running(f"{self.name}-runtime"):
            self._start_runtime()
        self.start_kubelet()

    def down(self) -> None:
        """Ending process 1 ends all processes of the node's PID namespace, and with them its mounts."""
        for part in ("kubelet", "runtime", "init"):
            processes.end(f"{self.name}-{part}", seconds=5)
        (STATE / f"{self.name}.mounted").unlink(missing_ok=True)

    def start_kubelet(self) -> None:
        if processes.running(f"{self.name}-kubelet"):
            return
        runtime = {
            "docker": ["--container-runtime=docker", "--network-plugin=cni", "--cni-bin-dir=/usr/lib/cni",
                       f"--cni-conf-dir={self._home}/cni", f"--pod-infra-container-image={IMAGES['pause']}",
                       "--image-pull-progress-deadline=20s"],
            "containerd": ["--container-runtime=remote",
                           "--container-runtime-endpoint=unix:///run/containerd/containerd.sock"],
        }[self.runtime]  # fmt: skip
        self._start("kubelet", [
            str(HOME / "kubelet"), f"--kubeconfig={kubeconfig('node')}", f"--hostname-override={self.name}",
            f"--node-ip={self.address}", "--cert-dir=/var/lib/kubelet/pki", "--authorization-mode=AlwaysAllow",
            "--anonymous-auth=true", "--fail-swap-on=false", "--cgroup-driver=cgroupfs", "--enforce-node-allocatable=",
            "--eviction-hard=", "--image-gc-high-threshold=100", f"--cgroup-root={self._cgroup}",
            "--serialize-image-pulls=false", "--resolv-conf=", "--sync-frequency=10s",
            "--feature-gates=IPv6DualStack=true", "--v=1", *runtime,
        ])  # fmt: skip

    def stop_kubelet(self) -> None:
        processes.end(f"{self.name}-kubelet")

    @property
    def _home(self) -> Path:
        return DATA / self.name

    @property
    def _cgroup(self) -> str:
        return f"{CGROUP}/{self.name}"

    def _boot(self) -> None:
        for part in ("runtime", "kubelet"):
            (STATE / f"{self.name}-{part}.pid").unlink(missing_ok=True)
        (STATE / f"{self.name}.mounted").unlink(missing_ok=True)
        self._home.mkdir(parents=True, exist_ok=True)
        _make_cgroups(self._cgroup)
        _cni(self._home / "cni" / "10-bridge.conflist", self.number)
        script = Path(__file__).with_name("node_init.py")
        processes.start(f"{self.name}-init", [
            "nsenter", f"--net=/run/netns/{network.namespace(self.name)}", "env", f"NODE_STATE={STATE}",
            "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc",
            "python3", str(script), self.name, str(self._home),
        ])  # fmt: skip
        mounted = STATE / f"{self.name}.mounted"
        processes.wait(f"{self.name}'s mounts", mounted.exists, 20, f"{self.name}-init")

    def _start(self, part: str, command: list[str]) -> None:
        processes.start(f"{self.name}-{part}", self.command(command))

    def _start_runtime(self) -> None:
        if self.runtime == "docker":
            runc = []
            if not _has_capability(SYS_RESOURCE):
                runc = [f"--add-runtime=tame={_wrapper()}", "--default-runtime=tame"]
            self._start("runtime", ["dockerd", f"--cgroup-parent={self._cgroup}/docker", "--bridge=none", "--iptables=false",
                                    "--ip-forward=false", "--exec-opt=native.cgroupdriver=cgroupfs", *runc])  # fmt: skip
            ready, load = ["docker", "version"], ["docker", "load", "-q", "-i"]
        else:
            (self._home / "containerd.toml").write_text(_containerd(self._home / "cni"))
            self._start("runtime", ["containerd", "--config", str(self._home / "containerd.toml")])
            ready, load = ["ctr", "version"], ["ctr", "-n", "k8s.io", "images", "import"]
        processes.wait(
            f"{self.runtime} on {self.name}", lambda: self.run(ready).returncode == 0, 30, f"{self.name}-runtime"
        )
        for name in IMAGES:
            result = self.run([*load, str(images.archive(name))])
            if result.returncode:
                raise Trouble(f"{self.name} did not take the image {name}: {result.stderr.strip()}")


def _has_capability(number: int) -> bool:
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("CapBnd:")[2].split()[0], 16) >> number & 1)


def _wrapper() -> Path:
    """The runc wrapper as a program, in a place of ours: Docker takes a path only."""
    path = STATE / "runc-tame"
    path.write_text("#!/usr/bin/python3 -ES\n" + Path(__file__).with_name("runc_wrapper.py").read_text())
    path.chmod(0o755)
    return path


def _make_cgroups(path: str) -> None:
    """The node's cgroup in every v1 hierarchy; an empty cpuset admits no process, so it gets its parent's."""
    for hierarchy in CGROUPS.iterdir():
        if not (hierarchy / "cgroup.procs").exists() or hierarchy.is_symlink():
            continue
        folder = hierarchy
        for part in path.strip("/").split("/"):
            parent, folder = folder, folder / part
            folder.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (folder / file).exists() and not (folder / file).read_text().strip():
                    (folder / file).write_text((parent / file).read_text())


def remove_cgroups() -> None:
    """Deepest first; a cgroup whose last process is just ending is tried again."""
    for hierarchy in CGROUPS.iterdir():
        top = hierarchy / CGROUP.strip("/")
        for _ in range(50):
            folders = [Path(folder) for folder, _, _ in os.walk(top, topdown=False)] if top.exists() else []
            for folder in folders:
                try:
                    folder.rmdir()
                except OSError:
                    pass
            if not top.exists():
                break
            time.sleep(0.1)


def _cni(path: Path, number: int) -> None:
    ranges = [[{"subnet": f"10.244.{number}.0/24"}], [{"subnet": f"fd00:244:{number}::/64"}]]
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True,
              "ipam": {"type": "host-local", "ranges": ranges, "dataDir": "/var/lib/cni/networks",
                       "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cniVersion": "0.4.0", "name": "netns-test", "plugins": [bridge]}))


def _containerd(cni: Path) -> str:
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGES['pause']}"
  restrict_oom_score_adj = {str(not _has_capability(SYS_RESOURCE)).lower()}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
"""
