"""What a command sees of the file system, and what the node sees of that: mount namespaces of a node and of a command in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# in a mount namespace of its own, which is the node; the command's is made within. Both say which mounts of ours they see
NODE = """
import json, os, subprocess, sys
from kubectl_netns.agent import kernel, scenery
folder, flags = sys.argv[1:]
subprocess.run(["mount", "--make-rshared", "/"], check=True)
subprocess.run(["mount", "-o", f"remount,bind,{flags}", "/sys"], check=True)

def seen():
    with open("/proc/self/mountinfo") as file:
        return sorted(line.split()[4].removeprefix(folder) for line in file if line.split()[4].startswith(folder))

go, going = os.pipe()
back, tell = os.pipe()
scenery.CACHE = f"{folder}/nscd"
os.makedirs(f"{scenery.CACHE}/socket")
if not os.fork():
    failed = scenery.arrange({scenery.RESOLVER: b"the pod's"})
    kernel.mount("tmpfs", f"{folder}/inside", "tmpfs", 0)
    os.write(tell, b".")
    os.read(go, 1)
    mounts = seen()
    for path in f"{folder}/a b", f"{folder}/a b/c":
        os.mkdir(path)
        kernel.mount("tmpfs", path, "tmpfs", 0)
    top = [path.removeprefix(folder) for path in scenery._mounted_under(folder)]
    readonly = bool(os.statvfs("/sys").f_flag & os.ST_RDONLY)
    print(json.dumps({"inside": mounts, "top": top, "readonly": readonly, "failed": failed,
                      "resolver": open(scenery.RESOLVER).read(), "nscd": os.listdir(scenery.CACHE)}), flush=True)
    os._exit(0)
os.read(back, 1)
on_the_node = seen()
kernel.mount("tmpfs", f"{folder}/later", "tmpfs", 0)
os.write(going, b".")
os.wait()
print(json.dumps({"node": on_the_node, "nscd": os.listdir(scenery.CACHE), "resolver": open(scenery.RESOLVER).read()}))
"""


@pytest.mark.parametrize("flags", ["ro", "rw"])
def test_no_mount_leaves_it_and_the_nodes_come_in(root: None, tmp_path: Path, flags: str) -> None:
    """And /sys can be written to inside exactly where it can be outside; nscd is out of reach, since it asks the node's resolver."""
    for name in ("inside", "later"):
        (tmp_path / name).mkdir()
    node = ["unshare", "--mount", "--net", sys.executable, "-c", NODE, str(tmp_path), flags]
    result = subprocess.run(node, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    command, outside = map(json.loads, result.stdout.splitlines())
    assert outside == {"node": [], "nscd": ["socket"], "resolver": Path("/etc/resolv.conf").read_text()}
    assert (command["nscd"], command["resolver"]) == ([], "the pod's")
    assert command["inside"] == ["/inside", "/later", "/nscd"]
    assert command["top"] == ["/a b", "/inside", "/later", "/nscd"]
    assert command["readonly"] == (flags == "ro")
    assert command["failed"] == []
