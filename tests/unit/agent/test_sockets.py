"""Which runtimes are asked: real sockets in a recorded tree, and a kubelet that names one of them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes import sockets
from kubectl_netns.agent.runtimes.cri import Cri

DOCKER, CONTAINERD, CRIO = "/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock"
K3S = "/run/k3s/containerd/containerd.sock"
OWN = "/run/own/cri.sock"
ENDPOINT = "--container-runtime-endpoint"


def node(tmp_path: Path, present: list[str], *kubelet: str, command: str = "kubelet") -> Place:
    """A node with these sockets, and a kubelet with these arguments."""
    root = tmp_path / "r"
    root.mkdir()
    for path in present:
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(file))
    for pid, comm, words in ((1, "systemd", ["/sbin/init", f"{ENDPOINT}=unix://{K3S}"]), (300, command, ["kubelet", *kubelet])):
        directory = tmp_path / "proc" / str(pid)
        directory.mkdir(parents=True)
        (directory / "comm").write_text(comm + "\n")
        (directory / "cmdline").write_text("\0".join(words) + "\0")
    return Place(proc=str(tmp_path / "proc"), root=str(root))


def found(place: Place, runtime: str | None) -> list[str]:
    return [("" if isinstance(one, Cri) else "docker ") + vars(one)["_socket"] for one in sockets.find(place, runtime)]


ALL = [DOCKER, CONTAINERD, CRIO, K3S]


@pytest.mark.parametrize(
    ("present", "kubelet", "runtime", "expected"),
    [
        ([], [], None, []),
        ([], [], "docker", []),
        ([], [], "containerd", []),
        (ALL, [], None, [f"docker {DOCKER}", CONTAINERD, K3S, CRIO]),
        (ALL, [], "docker", [f"docker {DOCKER}"]),
        ([CONTAINERD], [], "docker", []),
        ([DOCKER, CONTAINERD], [], "containerd", [CONTAINERD]),
        ([DOCKER, K3S], [], "containerd", [K3S]),
        ([DOCKER, CRIO], [], "cri-o", [CRIO]),
        ([DOCKER], [], "containerd", []),
        (ALL, [f"{ENDPOINT}=unix://{CRIO}"], "cri-o", [CRIO]),
        (ALL, [ENDPOINT, f"unix://{CRIO}"], "cri-o", [CRIO]),
        (ALL, [f"{ENDPOINT}={CRIO}"], "cri-o", [CRIO]),
        (ALL, [f"{ENDPOINT}=unix:///var{CRIO}"], "cri-o", [CRIO]),
        (ALL, [f"{ENDPOINT}=unix://{CRIO}"], None, [f"docker {DOCKER}", CRIO, CONTAINERD, K3S]),
        ([*ALL, OWN], ["--v=2", f"{ENDPOINT}=unix://{OWN}", "--x"], "containerd", [OWN]),
        (ALL, [], "containerd", [CONTAINERD, K3S]),
        (ALL, [f"{ENDPOINT}=unix://{K3S}"], "containerd", [K3S]),
        (ALL, [f"{ENDPOINT}=unix://{OWN}"], "containerd", [CONTAINERD, K3S]),
        (ALL, [ENDPOINT], "containerd", [CONTAINERD, K3S]),
        (ALL, [f"{ENDPOINT}="], "containerd", [CONTAINERD, K3S]),
        (ALL, [f"{ENDPOINT}=unix:///run/cri-dockerd.sock"], "docker", [f"docker {DOCKER}"]),
        (ALL, [f"{ENDPOINT}=unix:///var/run/cri-dockerd.sock"], None, [f"docker {DOCKER}", CONTAINERD, K3S, CRIO]),
        (ALL, [f"{ENDPOINT}=unix:///var/run/dockershim.sock"], "containerd", [f"docker {DOCKER}"]),
        (ALL, [f"{ENDPOINT}=npipe:////./pipe/containerd"], "containerd", [CONTAINERD, K3S]),
    ],
)
def test_which_sockets_are_asked(
    tmp_path: Path, present: list[str], kubelet: list[str], runtime: str | None, expected: list[str]
) -> None:
    assert found(node(tmp_path, present, *kubelet), runtime) == expected


def test_a_process_of_another_name_is_no_kubelet(tmp_path: Path) -> None:
    assert found(node(tmp_path, ALL, f"{ENDPOINT}=unix://{CRIO}", command="kubelet-wrapper"), "containerd") == [CONTAINERD, K3S]


def test_only_sockets_count(tmp_path: Path) -> None:
    place = node(tmp_path, [K3S])
    for path in (DOCKER, CONTAINERD):
        os.makedirs(os.path.dirname(place.file(path)), exist_ok=True)
        Path(place.file(path)).touch()
    os.makedirs(place.file(CRIO))
    assert found(place, None) == [K3S]


def test_one_socket_under_two_names_is_asked_once(tmp_path: Path) -> None:
    assert len(found(node(tmp_path, [CONTAINERD], f"{ENDPOINT}=unix:///var{CONTAINERD}"), None)) == 1


def test_the_socket_belongs_to_the_runtime_that_was_named(tmp_path: Path) -> None:
    assert found(node(tmp_path, [CONTAINERD, CRIO]), "cri-o") == [CRIO]


CONFIGS = {
    "YAML": f"kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix://{OWN}\nx: 1\n",
    "quoted": f'containerRuntimeEndpoint: "unix://{OWN}"\n',
    "JSON": f'{{"kind": "KubeletConfiguration",\n "containerRuntimeEndpoint": "unix://{OWN}", "x": 1}}',
    "bare": f"containerRuntimeEndpoint: {OWN}",
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("in_a_container", [False, True])
def test_the_kubelets_config_file_names_a_socket(tmp_path: Path, text: str, in_a_container: bool) -> None:
    place = node(tmp_path, [CONTAINERD, OWN], "--config=/var/lib/kubelet/config.yaml")
    root = place.process(300, "root") if in_a_container else place.root
    config = Path(root) / "var/lib/kubelet/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    assert found(place, "containerd") == [OWN]


def test_the_kubelets_arguments_go_before_its_file(tmp_path: Path) -> None:
    place = node(tmp_path, [K3S, OWN], "--config", "/c", f"{ENDPOINT}={K3S}")
    Path(place.file("/c")).write_text(f"containerRuntimeEndpoint: unix://{OWN}")
    assert found(place, "containerd") == [K3S]


@pytest.mark.parametrize("text", ["", "# containerRuntimeEndpoint: x", "containerRuntimeEndpoint:", "x: containerRuntimeEndpoint: y"])
def test_a_config_file_that_names_none(tmp_path: Path, text: str) -> None:
    place = node(tmp_path, [CONTAINERD], "--config=/c")
    Path(place.file("/c")).write_text(text)
    assert found(place, "containerd") == [CONTAINERD]


K3S_CONFIG = "/etc/rancher/k3s/config.yaml"


@pytest.mark.parametrize(
    ("arguments", "file", "runtime", "expected"),
    [
        ([], f"token: x\ncontainer-runtime-endpoint: unix://{OWN}\n", "containerd", [OWN, CONTAINERD, K3S]),
        ([], f'"container-runtime-endpoint": "{OWN}"\n', "cri-o", [OWN, CRIO]),
        ([], f"container-runtime-endpoint: unix://{OWN}", "docker", [f"docker {DOCKER}"]),
        ([], f"image-service-endpoint: {OWN}\n# container-runtime-endpoint: {OWN}\n", "containerd", [CONTAINERD, K3S]),
        ([], "container-runtime-endpoint: unix:///run/k3s/cri-dockerd/cri-dockerd.sock", "containerd", [CONTAINERD, K3S]),
        ([], None, "containerd", [CONTAINERD, K3S]),
        ([f"{ENDPOINT}={OWN}"], None, "containerd", [OWN, CONTAINERD, K3S]),
        (["--config=/nothing-there"], f"container-runtime-endpoint: {OWN}", "containerd", [CONTAINERD, K3S]),
    ],
    ids=["file", "quoted", "docker", "other keys", "shim", "nothing", "an old k3s shows its arguments", "another file"],
)
@pytest.mark.parametrize("command", ["k3s-server", "k3s-agent"])
def test_what_k3s_was_told_is_asked_besides_the_known_sockets(
    tmp_path: Path, arguments: list[str], file: str | None, runtime: str, expected: list[str], command: str
) -> None:
    place = node(tmp_path, [*ALL, OWN], *arguments, command=command)
    (tmp_path / f"r{K3S_CONFIG}").parent.mkdir(parents=True)
    if file:
        Path(place.file(K3S_CONFIG)).write_text(file)
    assert found(place, runtime) == expected


def test_dockers_socket_is_where_cri_dockerd_says(tmp_path: Path) -> None:
    place = node(tmp_path, [DOCKER, OWN], f"{ENDPOINT}=unix:///run/cri-dockerd.sock")
    shim = Path(place.proc) / "400"
    shim.mkdir()
    (shim / "comm").write_text("cri-dockerd\n")
    (shim / "cmdline").write_text(f"cri-dockerd\0--docker-endpoint\0unix://{OWN}\0")
    assert found(place, "docker") == [f"docker {OWN}"]
