"""What /proc tells: cgroup paths of every shape, mountinfo lines, and processes by namespace over recorded trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_netns.agent import processes
from kubectl_netns.agent.place import Place
from kubectl_netns.agent.processes import CgroupOwner, Mount, by_namespace, cgroup_owner, parse_cgroup, parse_mountinfo

UID = "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f"
LOW = UID.replace("-", "_")
HASH = UID.replace("-", "")
ID, OUTER = "3f1c9ab07f52" + "0" * 52, "d0c4e5" + "a" * 58
BOTH, NOBODY = CgroupOwner(UID, ID), CgroupOwner(None, None)

CGROUPS = {
    "systemd-containerd": (f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{LOW}.slice/"
                           f"cri-containerd-{ID}.scope", BOTH),
    "systemd-crio": (f"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{LOW}.slice/crio-{ID}.scope", BOTH),
    "systemd-docker": (f"0::/kubepods.slice/kubepods-pod{LOW}.slice/docker-{ID}.scope", BOTH),
    "systemd-below-the-container": (f"0::/kubepods.slice/kubepods-pod{LOW}.slice/crio-{ID}.scope/container", BOTH),
    "cgroupfs": (f"12:memory:/kubepods/besteffort/pod{UID}/{ID}", BOTH),
    "cgroupfs-guaranteed": (f"0::/kubepods/pod{UID}/{ID}", BOTH),
    "containerd-with-colons": (f"11:cpuset:/kubepods-burstable-pod{LOW}.slice:cri-containerd:{ID}", BOTH),
    "systemd-with-colons": (f"1:name=systemd:/system.slice/containerd.service/kubepods-pod{LOW}.slice:cri-containerd:{ID}", BOTH),
    "static-pod": (f"0::/kubepods/burstable/pod{HASH}/{ID}", BOTH),
    "static-pod-systemd": (f"0::/kubepods.slice/kubepods-burstable-pod{HASH}.slice/cri-containerd-{ID}.scope", BOTH),
    "kind": (f"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
             f"kubelet-kubepods-besteffort-pod{LOW}.slice/cri-containerd-{ID}.scope", BOTH),
    "docker-in-docker": (f"0::/docker/{OUTER}/kubepods/besteffort/pod{UID}/{ID}", BOTH),
    "kind-seen-from-outside": (f"0::/system.slice/docker-{OUTER}.scope/kubelet.slice/kubelet-kubepods.slice/"
                               f"kubelet-kubepods-pod{LOW}.slice/cri-containerd-{ID}.scope", BOTH),
    "relative-to-a-cgroup-namespace": (f"0::/../../kubepods-burstable-pod{LOW}.slice/cri-containerd-{ID}.scope", BOTH),
    "cgroup-v1-table": (f"12:pids:/\n11:memory:/kubepods/pod{UID}/{ID}\n1:name=systemd:/kubepods/pod{UID}/{ID}\n0::/\n", BOTH),
    "crio-conmon": (f"0::/kubepods.slice/kubepods-pod{LOW}.slice/crio-conmon-{ID}.scope", NOBODY),
    "plain-docker": (f"0::/system.slice/docker-{ID}.scope", CgroupOwner(None, ID)),
    "plain-docker-cgroupfs": (f"4:memory:/docker/{ID}", CgroupOwner(None, ID)),
    "pod-without-container": (f"0::/kubepods/burstable/pod{UID}", CgroupOwner(UID, None)),
    "service": ("0::/system.slice/kubelet.service", NOBODY),
    "root": ("0::/", NOBODY),
    "nothing": ("", NOBODY),
    "no-colon": ("junk", NOBODY),
    "uid-too-long": (f"0::/kubepods/pod{UID}0/{ID}", CgroupOwner(None, ID)),
    "uid-too-short": (f"0::/kubepods/pod{UID[:-1]}/{ID}", CgroupOwner(None, ID)),
    "id-too-long": (f"0::/docker/{ID}0", NOBODY),
    "id-too-short": (f"0::/docker/{ID[:-1]}", NOBODY),
    "bare-uid": (f"0::/machine.slice/{UID}", NOBODY),
}  # fmt: skip


@pytest.mark.parametrize(("text", "owner"), CGROUPS.values(), ids=CGROUPS.keys())
def test_whose_cgroup(text: str, owner: CgroupOwner) -> None:
    assert parse_cgroup(text) == owner


def test_uid_and_container_are_of_the_same_pod() -> None:
    inner = "11111111-2222-3333-4444-555555555555"
    owner = parse_cgroup(f"0::/kubepods/pod{UID}/{OUTER}/kubelet/kubepods/pod{inner}/{ID}")
    assert owner in (CgroupOwner(UID, OUTER), CgroupOwner(inner, ID))


CNI = "/run/netns/cni-26d4bfd1-fdf6-8229-37cd-fbccc1cd416b"
MOUNTS = {
    "containerd": (f"681 24 0:4 net:[4026532576] {CNI} rw shared:350 - nsfs nsfs rw", Mount(4026532576, CNI)),
    "docker": ("70 24 0:4 net:[4026532600] /run/docker/netns/3f1c9ab07f52 rw - nsfs nsfs rw",
               Mount(4026532600, "/run/docker/netns/3f1c9ab07f52")),
    "space": (r"70 24 0:4 net:[4026532600] /run/netns/two\040words rw - nsfs nsfs rw", Mount(4026532600, "/run/netns/two words")),
    "tab-newline-backslash": (r"70 24 0:4 net:[1] /run/netns/a\011b\012c\134040 rw - nsfs nsfs rw",
                              Mount(1, "/run/netns/a\tb\nc\\040")),
    "hash": (r"70 24 0:4 net:[1] /run/netns/\043a rw - nsfs nsfs rw", Mount(1, "/run/netns/#a")),
    "several-optional-fields": ("70 24 0:4 net:[1] /x rw shared:1 master:2 - nsfs nsfs rw", Mount(1, "/x")),
    "mount-namespace": ("70 24 0:4 mnt:[4026532577] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw", None),
    "pid-namespace": ("70 24 0:4 pid:[4026532577] /run/x rw - nsfs nsfs rw", None),
    "root-filesystem": ("24 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw", None),
    "a-file-with-such-a-name": ("70 24 259:1 /net:[4026532600] /mnt rw - ext4 /dev/root rw", None),
    "longer": ("70 24 0:4 net:[4026532600]x /mnt rw - nsfs nsfs rw", None),
    "no-number": ("70 24 0:4 net:[] /mnt rw - nsfs nsfs rw", None),
    "cut-short": ("70 24 0:4 net:[1]", None),
    "empty": ("", None),
}  # fmt: skip


@pytest.mark.parametrize(("line", "mount"), MOUNTS.values(), ids=MOUNTS.keys())
def test_which_mounts_are_namespaces(line: str, mount: Mount | None) -> None:
    assert list(parse_mountinfo([line])) == ([mount] if mount else [])


COPIES = {  # as in a node's PID 1, and in a pod that `kubectl debug` makes; then with the bind mount that `ip netns add` makes
    "on the node": """22 1 254:0 / / rw - ext4 /dev/vda rw
        24 22 0:22 / /run rw - tmpfs tmpfs rw
        70 24 0:4 net:[9] /run/netns/x rw - nsfs nsfs rw""",
    "/host": """300 299 0:60 / / rw - overlay overlay rw
        310 300 254:0 / /host rw - ext4 /dev/vda rw
        311 310 0:22 / /host/run rw - tmpfs tmpfs rw
        312 311 0:4 net:[9] /host/run/netns/x rw - nsfs nsfs rw""",
    "bound": """22 1 254:0 / / rw - ext4 /dev/vda rw
        24 22 0:22 / /run rw - tmpfs tmpfs rw
        25 24 0:22 /netns /run/netns rw - tmpfs tmpfs rw
        70 25 0:4 net:[9] /run/netns/x rw - nsfs nsfs rw""",
}


@pytest.mark.parametrize("mountinfo", COPIES.values(), ids=COPIES.keys())
def test_copies_of_a_mount_are_on_the_same_spot(mountinfo: str) -> None:
    (mount,) = parse_mountinfo(line.strip() for line in mountinfo.splitlines())
    assert mount.spot == "0:22 /netns/x"


@settings(max_examples=300)
@given(st.text(alphabet=st.sampled_from(r" :[]0179net/\podf_-\x0b\040\777é\n"), max_size=120) | st.text())
def test_arbitrary_text_is_understood_or_passed_over(text: str) -> None:
    owner = parse_cgroup(text)
    assert (owner.pod_uid is None or len(owner.pod_uid) == 36) and (owner.container_id is None or len(owner.container_id) == 64)
    assert all(mount.inode >= 0 for mount in parse_mountinfo(text.splitlines()))


def process(proc: Path, pid: int, namespace: Path | None = None, **files: str | bytes) -> None:
    """One directory of a recorded /proc; processes that are linked to the same file are in the same namespace."""
    directory = proc / str(pid)
    (directory / "ns").mkdir(parents=True)
    if namespace:
        (directory / "ns/net").symlink_to(namespace)
    for file, content in files.items():
        (directory / file).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def tree(tmp_path: Path) -> Place:
    """PID 1 and 300 in the host's namespace, 41 and 9 in a pod's, 77 a zombie, 78 gone meanwhile."""
    host, pod = tmp_path / "net:[1]", tmp_path / "net:[2]"
    host.touch()
    pod.touch()
    proc = tmp_path / "proc"
    process(proc, 1, host, comm="systemd\n", cgroup="0::/init.scope\n", cmdline="/sbin/init\0")
    process(proc, 300, host, comm="kubelet\n", cmdline="/usr/bin/kubelet\0--config\0a b\0")
    process(proc, 41, pod, comm="nginx\n")
    process(proc, 9, pod, comm="pause\n", cgroup=CGROUPS["kind"][0] + "\n", cmdline="/pause\0")
    process(proc, 77, None, comm="zombie\n", cmdline="")
    (proc / "78").mkdir()
    for other in ("self", "net", "sys", "1a", "uptime"):
        (proc / other).mkdir()
    return Place(proc=str(proc), root=str(tmp_path / "root"))


def test_processes_by_namespace(tree: Place) -> None:
    assert processes.pids(tree) == [1, 9, 41, 77, 78, 300]
    status = {pid: os.stat(tree.process(pid, "ns", "net")) for pid in (1, 9)}
    assert by_namespace(tree) == {(one.st_dev, one.st_ino): pids for one, pids in zip(status.values(), ([1, 300], [9, 41]))}


@pytest.mark.parametrize(
    ("pid", "command", "arguments", "owner"),
    [
        (1, "systemd", ["/sbin/init", ""], NOBODY),
        (9, "pause", ["/pause", ""], BOTH),
        (300, "kubelet", ["/usr/bin/kubelet", "--config", "a b", ""], NOBODY),
        (77, "zombie", [""], NOBODY),
        (78, None, [""], NOBODY),
        (4711, None, [""], NOBODY),
    ],
)
def test_what_a_process_is(tree: Place, pid: int, command: str | None, arguments: list[str], owner: CgroupOwner) -> None:
    found = processes.command(tree, pid), processes.arguments(tree, pid), cgroup_owner(tree, pid)
    assert found == (command, arguments, owner)


def mounts_of(tmp_path: Path, mountinfo: bytes) -> list[Mount]:
    process(tmp_path / "proc", 1, mountinfo=mountinfo)
    return processes.mounts(Place(proc=str(tmp_path / "proc")))


def test_mounts_of_a_recorded_process(tmp_path: Path) -> None:
    lines = "\n".join(line for line, _ in MOUNTS.values()) + "\n"
    recorded = [mount._replace(spot=None) for mount in mounts_of(tmp_path, lines.encode())]
    assert recorded == [mount for _, mount in MOUNTS.values() if mount]


def test_no_mountinfo_is_no_mounts(tmp_path: Path) -> None:
    assert processes.mounts(Place(proc=str(tmp_path))) == []


@pytest.mark.parametrize("name", ["a\x0bb", "a\x0cb", "a\rb", "a\x1cb", "a\x85b", "a\u2028b"])
def test_a_name_with_a_control_character_is_one_name(tmp_path: Path, name: str) -> None:
    line = f"70 24 0:4 net:[1] /run/netns/{name} rw - nsfs nsfs rw\n"
    assert mounts_of(tmp_path, line.encode()) == [Mount(1, f"/run/netns/{name}")]


def test_a_name_that_is_not_utf8_still_leads_to_its_file(tmp_path: Path) -> None:
    (mount,) = mounts_of(tmp_path, b"70 24 0:4 net:[1] /run/netns/\xff rw - nsfs nsfs rw\n")
    assert os.fsencode(mount.path) == b"/run/netns/\xff"
