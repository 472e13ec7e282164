"""Which namespaces a clue leads to, on a recorded node: a host, a pod of containerd's, one of Docker's, a container, a named one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.agent.clues import FINDERS, Known, dead_ends, packed, select
from kubectl_netns.agent.enter import Key
from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes.base import Holder
from kubectl_netns.client.readings import KINDS
from kubectl_netns.model import Address, Interface, Namespace, NetworkNamespace, Peer, Pod, Sandbox
from kubectl_netns.questions import Clue
from tests.schema import WORDS
from tests.unit.agent.held import held

UID, PROXY_HASH = "8f0c2f0e-7a53-4b0e-9d3c-0a1b2c3d4e5f", "0123456789abcdef0123456789abcdef"
WEB, DB, PROXY = "3f1c" * 16, "d0c4" * 16, "9a9a" * 16
APP, PROXY_APP, PLAIN, DEAD = "abab" * 16, "cdcd" * 16, "7e7e" * 16, "dead" * 16
NETWORK = "6bbe1e3c9192" + "5" * 52
HOST, A, B, C, N = ((4, inode) for inode in (10, 11, 12, 13, 14))


def link(index: int, name: str, *addresses: str, mac: str | None = None, peer: Peer | None = None, altnames: tuple[str, ...] = ()) -> Interface:
    read = tuple(Address("inet6" if ":" in one else "inet", one, 24, "global") for one in addresses)
    return Interface(index, name, "veth" if peer else "physical", "up", (), 1500, mac, altnames, None, read, None, None, peer, None)


def item(key: Key, role: str, *links: Interface, pod: Pod | None = None, sandbox: Sandbox | None = None, path: str | None = None) -> NetworkNamespace:
    names = (path,) if path else ()
    return NetworkNamespace(None, Namespace(key[1], key[0], path, None, ("process",), names), role, pod, sandbox, "owned", links)


def sandbox(id: str, state: str = "ready", network: str | None = None) -> Sandbox:
    return Sandbox(id, "x", state, None, 0, None, "docker" if network else "cri", network)


WEB_POD, DB_POD = Pod("shop", "web", UID, (), False), Pod("shop", "db", "u-db", (), False)
STATIC = Pod("kube-system", "proxy", PROXY_HASH, (), True)
GONE = Holder(sandbox(DEAD, "notready"), Pod("shop", "old", "u-old", (), False), None)
HOLDERS = {
    HOST: [Holder(sandbox(PROXY), STATIC, None)],
    A: [Holder(sandbox(WEB), WEB_POD, "/run/netns/cni-1")],
    B: [Holder(sandbox(DB, network=NETWORK), DB_POD, f"/run/docker/netns/{NETWORK[:12]}")],
    C: [Holder(sandbox(PLAIN), None, None, container="builder")],
    N: [],
}
STALE = NetworkNamespace(None, Namespace(None, None, "/run/netns/gone", None, (), ("/run/netns/gone",)), "named", None, None, "stale", ())
ITEMS = [
    item(HOST, "host", link(1, "lo", "127.0.0.1"), link(2, "eth0", "192.0.2.1", "fd00::1", mac="02:00:00:00:00:01"),
         link(7, "vethA", "169.254.1.1", mac="ee:ee:ee:ee:ee:ee", peer=Peer(11, 2, "eth0", None, False), altnames=("web's end",)),
         link(8, "vethB", "169.254.1.1", mac="ee:ee:ee:ee:ee:ee", peer=Peer(12, 2, "eth0", None, False)),
         link(9, "far", peer=Peer(None, 2, None, None, False)), link(20, "one", peer=Peer(10, 21, "two", None, True))),
    item(A, "pod", link(1, "lo", "127.0.0.1"), link(2, "eth0", "10.1.0.2", "fd00:1::2", mac="02:00:00:00:0a:02"), pod=WEB_POD,
         sandbox=sandbox(WEB), path="/run/netns/cni-1"),
    item(B, "pod", link(2, "eth0", "10.1.0.3", "::ffff:10.1.0.99", mac="02:00:00:00:0b:02"), pod=DB_POD, sandbox=sandbox(DB, network=NETWORK),
         path=f"/run/docker/netns/{NETWORK[:12]}"),
    item(C, "container", link(2, "eth0", "10.1.0.2"), sandbox=sandbox(PLAIN)),
    item(N, "named", path="/proc/77/root/run/netns/blue"),
    STALE,
]  # fmt: skip


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """Processes: 1 and 5 (of the static pod) on the host, 41 and 42 in A, of which 42 has a thread 44 in B; 50 in C."""
    found = {key: held(key, holders=holders) for key, holders in HOLDERS.items()}
    cgroups = {1: "/", 5: f"/kubepods/pod{PROXY_HASH}/{PROXY_APP}", 41: f"/kubepods/pod{UID}/{WEB}", 42: f"/kubepods/pod{UID}/{APP}",
               50: f"/docker/{PLAIN}"}  # fmt: skip
    for pid, cgroup in cgroups.items():
        (tmp_path / f"proc/{pid}").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/cgroup").write_text(f"0::{cgroup}\n")
        (tmp_path / f"proc/{pid}/comm").write_text(f"p{pid}\n")
        found[{1: HOST, 5: HOST, 50: C}.get(pid, A)].pids.append(pid)
    return Known(Place(proc=str(tmp_path / "proc"), root=str(tmp_path)), HOST, found, ITEMS)


def shared(item: NetworkNamespace, holder: Holder) -> NetworkNamespace:
    return item._replace(pod=holder.pod, sandbox=holder.sandbox)


def search(known: Known, kind: str, value: str) -> list[tuple[str, str, str | None]]:
    """Who, what in full, and why."""
    found = select(known, [Clue(kind, value)], shared)
    assert all(match.kind == kind for one in found for match in one.found_by)
    who = [one.pod.name if one.pod else one.role for one in found]
    return [(name, match.value, match.detail) for name, one in zip(who, found) for match in one.found_by]


CASES = [
    ("address", "10.1.0.3", [("db", "10.1.0.3", "eth0 (2)")]),
    ("address", "10.1.0.2", [("web", "10.1.0.2", "eth0 (2)"), ("container", "10.1.0.2", "eth0 (2)")]),
    ("address", "10.1.0.99", [("db", "::ffff:10.1.0.99", "eth0 (2)")]),
    ("address", "fd00:1::2", [("web", "fd00:1::2", "eth0 (2)")]),
    ("address", "192.0.2.1", [("host", "192.0.2.1", "eth0 (2) on the host")]),
    ("address", "169.254.1.1", [("host", "169.254.1.1", "vethA (7) on the host"), ("host", "169.254.1.1", "vethB (8) on the host")]),
    ("address", "10.1.0.0", []),
    ("mac", "02:00:00:00:0a:02", [("web", "02:00:00:00:0a:02", "eth0 (2)")]),
    ("mac", "02:00:00:00:00:01", [("host", "02:00:00:00:00:01", "eth0 (2) on the host")]),
    ("mac", "ee:ee:ee:ee:ee:ee", [("web", "ee:ee:ee:ee:ee:ee", "vethA (7) on the host, peer of eth0"),
                                  ("db", "ee:ee:ee:ee:ee:ee", "vethB (8) on the host, peer of eth0")]),
    ("interface", "vethA", [("web", "vethA", "index 7 on the host, peer of eth0")]),
    ("interface", "web's end", [("web", "vethA", "index 7, also web's end, on the host, peer of eth0")]),
    ("interface", "eth0", [("host", "eth0", "index 2 on the host")]),
    ("interface", "far", [("host", "far", "index 9 on the host, peer not seen")]),
    ("interface", "one", [("host", "one", "index 20 on the host")]),
    ("interface", "veth", []),
    ("ifindex", "8", [("db", "8", "vethB on the host, peer of eth0")]),
    ("ifindex", "2", [("host", "2", "eth0 on the host")]),
    ("inode", "13", [("container", "13", None)]),
    ("inode", "99", []),
    ("sandbox", WEB[:7], [("web", WEB, "ready, shop/web")]),
    ("sandbox", PROXY[:12], [("proxy", PROXY, "ready, kube-system/proxy")]),
    ("sandbox", PLAIN, []),
    ("sandbox", DEAD, []),
    ("container", APP, [("web", APP, "process 42, p42")]),
    ("container", PROXY_APP[:8], [("proxy", PROXY_APP, "process 5, p5")]),
    ("container", PLAIN, [("container", PLAIN, "builder")]),
    ("container", WEB, []),
    ("network", NETWORK[:6], [("db", NETWORK, "shop/db")]),
    ("network", NETWORK[:12], [("db", NETWORK, "shop/db")]),
    ("network", "7" * 12, []),
    ("path", f"/run/docker/netns/{NETWORK[:12]}", [("db", f"/run/docker/netns/{NETWORK[:12]}", None)]),
    ("path", "/run/netns/blue", [("named", "/run/netns/blue", None)]),
    ("path", "/run/netns/gone", [("named", "/run/netns/gone", None)]),
    ("path", "/run/netns", []),
    ("name", "blue", [("named", "blue", "/run/netns/blue")]),
    ("name", "cni-1", [("web", "cni-1", "/run/netns/cni-1")]),
    ("name", "netns", []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "expected"), CASES, ids=[f"{kind} {value}" for kind, value, _ in CASES])
def test_where_a_clue_leads(known: Known, kind: str, value: str, expected: list[tuple[str, str, str | None]]) -> None:
    assert search(known, kind, value) == expected


def test_docker_s_file_has_the_id_for_a_name_where_docker_says_nothing(known: Known) -> None:
    silent = known._replace(found={key: held(key) for key in known.found})
    (only,) = [one for one in ITEMS if one.namespace.inode == B[1]]
    for value in (NETWORK, NETWORK[:12]):
        assert search(silent, "network", value) == [("db", NETWORK[:12], only.namespace.path)]
    assert search(silent, "network", NETWORK[:11]) == []


def test_several_clues_to_one_namespace_are_one_item(known: Known) -> None:
    clues = [Clue("pid", "7"), Clue("ifindex", "7"), Clue("interface", "vethA"), Clue("address", "fd00:1::2")]
    (one,) = select(known, clues, shared)
    assert [match.kind for match in one.found_by] == ["ifindex", "interface", "address"]


def test_a_pod_on_the_host_and_the_host_itself_are_two_answers(known: Known) -> None:
    found = select(known, [Clue("address", "192.0.2.1"), Clue("sandbox", PROXY)], shared)
    assert [(one.role, one.pod and one.pod.name, len(one.found_by)) for one in found] == [("host", None, 1), ("host", "proxy", 1)]


def test_a_dead_sandbox_is_told(known: Known) -> None:
    told = [GONE, *(holder for holders in HOLDERS.values() for holder in holders)]
    (warning,) = dead_ends(known, [Clue("sandbox", DEAD[:12]), Clue("network", DEAD[:12])], told)
    assert warning.message == f"sandbox {DEAD[:12]} of shop/old is notready and has no namespace now"
    assert list(dead_ends(known, [Clue("sandbox", WEB), Clue("sandbox", "f" * 12)], told)) == []


def test_a_process_of_a_static_pod_on_the_host_is_the_pod_s(known: Known) -> None:
    """Namespaces are links to files here: their keys stand for the kernel's."""
    proc = Path(known.place.proc)
    for pid in (1, 5):
        (proc / f"{pid}/ns").mkdir()
        (proc / f"{pid}/ns/net").touch()
        (proc / f"{pid}/status").write_text(f"Name:\tp\nTgid:\t{pid}\nPid:\t{pid}\n")
    status = os.stat(proc / "5/ns/net")
    key = (status.st_dev, status.st_ino)
    here = ITEMS[0]._replace(namespace=ITEMS[0].namespace._replace(device=key[0], inode=key[1]))
    world = Known(known.place, key, {key: held(key, holders=HOLDERS[HOST])}, [here])
    assert search(world, "pid", "5") == [("proxy", "5", "p5")]


def test_every_kind_that_the_client_reads_can_be_found() -> None:
    assert set(FINDERS) == set(KINDS) == set(WORDS["Match.kind"])


@given(st.ip_addresses())
def test_an_address_is_compared_by_its_bytes(address: object) -> None:
    exploded = getattr(address, "exploded", "")
    assert packed(str(address)) == packed(exploded) and len(packed(exploded)) == 16
