"""Process 1 of a node: makes the node's own mounts, then only reaps. Run by `unshare`, arguments: node name, data folder.

The order matters: everything private first, so that no mount of ours reaches the machine; shared again last, because the
kubelet and the runtimes rely on propagation inside the node.
"""

import os
import signal
import subprocess
import sys

PRIVATE = ("docker", "containerd", "kubelet", "cni", "dockershim")


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def main(name: str, data: str) -> None:
    mount("--make-rprivate", "/")
    state = os.environ["NODE_STATE"]
    os.makedirs(f"{data}/state", exist_ok=True)
    mount("--bind", state, f"{data}/state")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # the harness's own state stays visible under the new /run: kubeconfig and logs are there
    os.makedirs(state)
    mount("--bind", f"{data}/state", state)
    subprocess.run(["umount", f"{data}/state"], check=True)
    for folder in ("/run/netns", "/run/lock"):
        os.makedirs(folder, exist_ok=True)
    for folder in PRIVATE:
        os.makedirs(f"{data}/{folder}", exist_ok=True)
        os.makedirs(f"/var/lib/{folder}", exist_ok=True)
        mount("--bind", f"{data}/{folder}", f"/var/lib/{folder}")
    mount("--make-rshared", "/")
    subprocess.run(["hostname", name], check=True)
    open(f"{state}/{name}.mounted", "w").close()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait([signal.SIGCHLD], 0.5)


main(*sys.argv[1:])
