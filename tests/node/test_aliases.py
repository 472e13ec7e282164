"""Links in the /run/netns of a world of its own (nothing reaches the machine's), with `ip netns` there as the oracle."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_netns.agent import aliases, marks
from kubectl_netns.agent.discover import survey
from kubectl_netns.agent.marks import ATTRIBUTE
from kubectl_netns.agent.place import Place
from kubectl_netns.agent.runtimes.base import Holder, wanted
from kubectl_netns.aliases import HALF_MADE, Alias, Link, Linked, Linking, Owner, default_name
from kubectl_netns.model import Pod, Sandbox
from kubectl_netns.questions import Question

BEGIN = """
mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/docker/netns && mount --make-rshared / && echo ready && exec sleep 600
"""
WORLD = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private", "sh", "-c", BEGIN]
WHO = "somebody@somewhere"


class World:
    """A node without a runtime: what a runtime would say is told by `sandboxes`, whose files are real ones."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        self._pid = int(child)
        self.root = f"/proc/{child}/root"
        self.place = Place(f"{self.root}/proc", self.root)
        self.sandboxes: list[Holder] = []

    def sh(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["nsenter", f"--target={self._pid}", "--mount", "--net", "--pid", "--", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check)

    def sandbox(
        self, pod: str, path: str, namespace: str = "shop", attempt: int = 0, host: bool = False, state: str = "ready", uid: str = ""
    ) -> int:
        """Another sandbox, of which the runtime tells from now on; its namespace's inode."""
        self.make(path)
        number = len(self.sandboxes)
        facts = Sandbox(f"{number:x}" * 64, "containerd", state, None, attempt, None, "cri")
        owner = Pod(namespace, pod, uid or f"uid-{namespace}-{pod}", (), host)
        self.sandboxes.append(Holder(facts, owner, path))
        return self.path(path).stat().st_ino

    def make(self, path: str) -> None:
        """A namespace on a file, as runtimes and `ip netns add` make it."""
        self.sh("sh", "-c", f"mkdir -p $(dirname {path}) && touch {path} && unshare --net={path} true")

    def end(self, path: str) -> None:
        """As a runtime ends a sandbox."""
        self.sandboxes = [one for one in self.sandboxes if one.path != path]
        self.sh("umount", "--lazy", path)
        self.sh("rm", path)

    def path(self, path: str) -> Path:
        return Path(self.root + path)

    def holders(self, pods: tuple[Pod, ...] | None) -> list[Holder]:
        return [one for one in self.sandboxes if one.pod and wanted(one.pod, pods)]

    def ask(self, action: str, *words: tuple[str | None, str | None], namespace: str = "shop", uid: bool = True) -> Linked:
        """Each word is (pod, name)."""
        pods = [
            Pod(namespace, pod, f"uid-{namespace}-{pod}" if uid and namespace else None) if pod else None for pod, _ in words
        ]
        some = tuple(Alias(pod, name) for pod, (_, name) in zip(pods, words))
        return aliases.serve(self.place, Linking(action, some, WHO), [self])

    def link(self, pod: str, name: str | None = None) -> Link:
        reply = self.ask("link", (pod, name))
        assert reply.failures == ()
        return reply.links[0]

    def refusal(self, action: str, pod: str | None, name: str | None, **how: str) -> tuple[str, str]:
        reply = self.ask(action, (pod, name), **how)  # type: ignore[arg-type]
        assert reply.links == ()
        return reply.failures[0].code, reply.failures[0].message

    def listed(self) -> set[str]:
        """By the node's own `ip netns list`."""
        return {line.split()[0] for line in self.sh("ip", "netns", "list").stdout.splitlines()}

    def inside(self, name: str) -> int:
        """The inode of the namespace that `ip netns exec` enters."""
        return int(self.sh("ip", "netns", "exec", name, "stat", "-Lc", "%i", "/proc/self/ns/net").stdout)


DOCKER, CNI = "/run/docker/netns/0123456789ab", "/run/netns/cni-26d4bfd1-fdf6-8229-37cd-fbccc1cd416b"
on_both = pytest.mark.parametrize("file", [DOCKER, CNI], ids=["docker", "containerd"])


@pytest.fixture
def world(root: None) -> Iterator[World]:
    with subprocess.Popen(WORLD, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield World(process)
        finally:
            process.kill()


@on_both
def test_ip_netns_shows_and_enters_it(world: World, file: str) -> None:
    inode = world.sandbox("web", file)
    link = world.link("web")
    assert (link.outcome, link.state, link.path, link.target, link.inode) == ("made", "live", "/run/netns/shop_web", file, inode)
    assert (link.pod, link.started_by, link.node) == (Owner("shop", "web", "uid-shop-web"), WHO, None)
    assert "shop_web" in world.listed() and world.inside("shop_web") == inode
    assert os.readlink(world.path(link.path)) == file
    assert world.path("/run/netns").stat().st_mode & 0o7777 == 0o755


@on_both
def test_linking_twice_is_fine_and_says_so(world: World, file: str) -> None:
    world.sandbox("web", file)
    first, second, other = world.link("web"), world.link("web"), world.link("web", "mine")
    assert (first.outcome, second.outcome, other.outcome) == ("made", "present", "made")
    assert second.created_at == first.created_at
    assert {"shop_web", "mine"} <= world.listed()
    assert [one.name for one in world.ask("list").links] == ["mine", "shop_web"]


@on_both
def test_an_unrelated_ip_netns_add_and_del_harm_nothing(world: World, file: str) -> None:
    """The first `ip netns add` bind-mounts /run/netns onto itself, shared."""
    inode = world.sandbox("web", file)
    world.link("web")
    world.sh("ip", "netns", "add", "other")
    assert world.inside("shop_web") == inode and [one.state for one in world.ask("list").links] == ["live"]
    late = world.sandbox("late", "/run/netns/cni-00000000-fdf6-8229-37cd-fbccc1cd416b")
    assert world.link("late").outcome == "made" and world.inside("shop_late") == late
    world.sh("ip", "netns", "del", "other")
    assert world.inside("shop_web") == inode
    assert {one.name for one in world.ask("unlink", ("web", None), ("late", None)).links} == {"shop_web", "shop_late"}
    assert world.inside(file.rpartition("/")[2]) == inode if file == CNI else world.path(file).stat().st_ino == inode


@on_both
def test_unlink_takes_the_link_and_never_the_runtimes_mount(world: World, file: str) -> None:
    inode = world.sandbox("web", file)
    world.link("web")
    world.link("web", "mine")
    world.sandbox("db", "/run/docker/netns/aaaaaaaaaaaa")
    world.link("db")
    reply = world.ask("unlink", ("web", None))
    assert [(one.name, one.outcome, one.state) for one in reply.links] == [("mine", "removed", "live"), ("shop_web", "removed", "live")]
    assert "shop_db" in world.listed() and not {"mine", "shop_web"} & world.listed()
    assert world.path(file).stat().st_ino == inode
    assert world.sh("nsenter", f"--net={file}", "true").returncode == 0
    assert world.refusal("unlink", "web", None)[0] == "none"


@on_both
def test_when_the_pod_goes_the_link_dangles_and_nothing_is_pinned(world: World, file: str) -> None:
    inode = world.sandbox("web", file)
    world.link("web")
    world.end(file)
    (link,) = world.ask("list").links
    assert (link.state, link.reason) == ("stale", f"{file} is not there any more")
    answer = survey(world.place, Question(), [world])
    (stale,) = [item for item in answer.namespaces if item.namespace.path == "/run/netns/shop_web"]
    assert (stale.verdict, stale.role, stale.reason) == ("stale", "named", f"it is a link to {file}, which is not there")
    assert inode not in {item.namespace.inode for item in answer.namespaces}
    (removed,) = world.ask("unlink", (None, "shop_web")).links
    assert (removed.outcome, removed.state) == ("removed", "stale") and not world.path("/run/netns/shop_web").is_symlink()


def test_a_target_that_has_become_a_plain_file_is_stale(world: World) -> None:
    world.sandbox("web", DOCKER)
    world.link("web")
    world.sh("umount", "--lazy", DOCKER)
    assert [(one.state, one.reason) for one in world.ask("list").links] == [("stale", f"{DOCKER} is a plain file now: its namespace is gone")]
    # and as a target it is none: the runtime still tells of it
    assert world.refusal("link", "web", "again")[0] == "none"
    stale = {item.namespace.path: item.reason for item in survey(world.place, Question(), [world]).namespaces if item.verdict == "stale"}
    assert "a link to " + DOCKER in str(stale["/run/netns/shop_web"])


@pytest.mark.parametrize("then", ["", f"touch {DOCKER}", f"touch {DOCKER} && unshare --net={DOCKER} true"])
def test_a_sandbox_that_ends_after_it_was_found_gets_no_link(world: World, then: str) -> None:
    """Its file is gone, plain, or already another namespace's when the link would be made."""
    world.sandbox("web", DOCKER)
    (item,) = survey(world.place, Question((Pod("shop", "web", None),)), [world]).namespaces
    alias = Alias(item.pod, None)
    assert aliases.mark_for(world.place, alias, item, WHO).target == DOCKER
    # a mount keeps the old namespace, so that its inode is not used again
    world.sh("sh", "-c", f"touch /run/kept && mount --bind {DOCKER} /run/kept && umount {DOCKER} && rm {DOCKER}; {then}")
    with pytest.raises(aliases.NotDone) as caught:
        aliases.mark_for(world.place, alias, item, WHO)
    assert caught.value.args == ("none", f"{DOCKER} is no longer its namespace")


def test_a_new_sandbox_takes_over_its_pods_stale_link(world: World) -> None:
    world.sandbox("web", CNI)
    world.link("web")
    world.end(CNI)
    inode = world.sandbox("web", DOCKER, attempt=1)
    link = world.link("web")
    assert (link.outcome, link.target, link.inode) == ("replaced", DOCKER, inode) and CNI in str(link.reason)
    assert world.inside("shop_web") == inode


def test_a_stale_link_of_ours_gives_its_name_to_another_pod_but_a_live_one_does_not(world: World) -> None:
    world.sandbox("web", CNI)
    inode = world.sandbox("db", DOCKER)
    world.link("web", "mine")
    code, message = world.refusal("link", "db", "mine")
    assert code == "taken" and "pod shop/web" in message and os.readlink(world.path("/run/netns/mine")) == CNI
    world.end(CNI)
    assert world.link("db", "mine").outcome == "replaced" and world.inside("mine") == inode


FOREIGN = {
    "a plain file": ("touch /run/netns/taken", "a file that is no namespace"),
    "a folder": ("mkdir /run/netns/taken", "a file that is no namespace"),
    "a link to the same namespace": (f"ln -s {DOCKER} /run/netns/taken", f"a link to {DOCKER}"),
    "a link to a process": ("ln -s /proc/1/ns/net /run/netns/taken", "a link to /proc/1/ns/net"),
    "a dangling link": ("ln -s /nowhere /run/netns/taken", "a link to /nowhere"),
    "ip netns add": ("ip netns add taken", "a namespace, as `ip netns add`"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_others_made_is_in_the_way_and_stays(world: World, what: str) -> None:
    world.sandbox("web", DOCKER)
    world.sh("mkdir", "-p", "/run/netns")
    world.sh("sh", "-c", FOREIGN[what][0])
    before = os.lstat(world.path("/run/netns/taken"))
    for action in ("link", "unlink"):
        code, message = world.refusal(action, "web" if action == "link" else None, "taken")
        assert code == {"link": "taken", "unlink": "foreign"}[action] and FOREIGN[what][1] in message
    assert os.lstat(world.path("/run/netns/taken")) == before
    assert world.ask("list").links == ()
    assert world.refusal("unlink", "web", "taken")[0] == "foreign"


def test_ours_copied_renamed_or_made_again_is_not_ours(world: World) -> None:
    world.sandbox("web", DOCKER)
    world.link("web")
    folder = world.path("/run/netns")
    value = os.getxattr(folder / "shop_web", ATTRIBUTE, follow_symlinks=False)
    os.rename(folder / "shop_web", folder / "renamed")
    os.symlink("/proc/1/ns/net", folder / "shop_web")
    os.setxattr(folder / "shop_web", ATTRIBUTE, value, follow_symlinks=False)
    for name in ("renamed", "shop_web"):
        assert marks.read(str(folder / name)) is None
        assert world.refusal("unlink", None, name)[0] == "foreign" and (folder / name).is_symlink()


def test_the_mark_is_on_the_link_itself(world: World) -> None:
    world.sandbox("web", DOCKER)
    world.link("web")
    path = world.path("/run/netns/shop_web")
    assert os.listxattr(path, follow_symlinks=False) == [ATTRIBUTE]
    assert ATTRIBUTE not in os.listxattr(world.path(DOCKER))


@pytest.mark.parametrize("deadly", ["setxattr", "link", "unlink"])
def test_an_agent_that_is_killed_on_the_way_leaves_nothing_that_stays(world: World, deadly: str) -> None:
    """Either there is no link or it is marked; what is half-made goes with the next command, whatever that is."""
    world.sandbox("web", DOCKER)
    for action, outcome in ("link", "present" if deadly == "unlink" else "made"), ("unlink", "removed"):
        pid = os.fork()
        if not pid:
            setattr(os, deadly, lambda *_, **__: os._exit(9))
            world.link("web")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        assert world.path(f"/run/netns/{HALF_MADE}").is_symlink()
        assert [one.name for one in world.ask("list").links] == (["shop_web"] if deadly == "unlink" else [])
        reply = world.ask(action, ("web", None))
        assert [one.outcome for one in reply.links] == ([outcome] if action == "link" or deadly == "unlink" else [])
        assert not world.path(f"/run/netns/{HALF_MADE}").is_symlink()
        world.ask("unlink", ("web", None))
    assert world.listed() == set()


def test_whoever_has_the_folders_lock_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ip netns add` takes it, too. Two clients that link at once come one after the other."""
    world.sandbox("web", DOCKER)
    world.link("web", "mine")
    outcomes: list[str | None] = []
    both = [threading.Thread(target=lambda: outcomes.append(world.link("web").outcome)) for _ in range(2)]
    with aliases.alone(world.place):
        monkeypatch.setattr(aliases, "PATIENCE", 0.1)
        for action, pod, name in ("link", "web", "other"), ("unlink", None, "mine"):
            code, message = world.refusal(action, pod, name)
            assert code == "refused" and "/run/netns is locked" in message
        monkeypatch.setattr(aliases, "PATIENCE", 60)
        for one in both:
            one.start()
    for one in both:
        one.join()
    assert sorted(map(str, outcomes)) == ["made", "present"]
    assert {"mine", "shop_web"} <= world.listed()


def test_a_link_that_somebody_replaces_at_the_last_moment_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sandbox("web", DOCKER)
    path = world.path(world.link("web").path)
    tell = aliases._told

    def swap(place: Place, mark: marks.Mark, *words: str | None) -> Link:
        path.unlink()
        path.symlink_to("/run/theirs")
        return tell(place, mark, *words)

    monkeypatch.setattr(aliases, "_told", swap)
    code, message = world.refusal("unlink", "web", None)
    assert code == "foreign" and "a link to /run/theirs" in message
    assert os.readlink(path) == "/run/theirs"


def test_a_file_system_that_takes_no_mark_keeps_no_link(world: World) -> None:
    """ramfs has no extended attributes."""
    world.sandbox("web", DOCKER)
    world.sh("mkdir", "/run/netns")
    world.sh("mount", "-t", "ramfs", "ramfs", "/run/netns")
    code, message = world.refusal("link", "web", None)
    assert code == "refused" and "takes no mark" in message and "not supported" in message
    assert os.listdir(world.path("/run/netns")) == []


def test_a_folder_that_cannot_be_written_to(world: World) -> None:
    world.sandbox("web", DOCKER)
    world.sh("mkdir", "/run/netns")
    world.sh("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/run/netns")
    assert world.refusal("link", "web", None) == ("refused", "/run/netns cannot be written to: Read-only file system")


@pytest.mark.parametrize("make", ["ln -s /tmp /run/netns", "touch /run/netns"])
def test_a_folder_that_is_none(world: World, make: str) -> None:
    """A link there would lead an agent into its own pod's files."""
    world.sandbox("web", DOCKER)
    world.sh("sh", "-c", make)
    assert world.refusal("link", "web", None) == ("refused", "/run/netns is no folder on this node")
    assert world.ask("list").links == () and world.refusal("unlink", None, "no-such-name-anywhere")[0] == "none"
    assert not Path("/tmp/shop_web").is_symlink()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "..", "", "a\nb", "x" * 256])
def test_names_that_lead_elsewhere_are_refused_on_the_node_too(world: World, name: str) -> None:
    world.sandbox("web", DOCKER)
    assert world.refusal("link", "web", name)[0] == "refused"
    assert world.refusal("unlink", None, name)[0] == "none"


def test_a_host_network_pod_and_one_without_a_sandbox(world: World) -> None:
    world.sandbox("proxy", DOCKER, host=True)
    assert world.refusal("link", "proxy", None)[0] == "host-network"
    assert world.refusal("link", "nobody", None) == ("none", "it has no sandbox now")


def test_a_namespace_without_a_file_is_not_linked_to_a_process(world: World) -> None:
    """As gVisor or a runtime without pinned namespaces leaves it: only processes hold it."""
    world.sh("sh", "-c", "unshare --net sleep 600 >/dev/null 2>&1 & sleep 0.3")
    pid = next(int(pid) for pid in os.listdir(f"{world.root}/proc") if pid.isdigit() and pid != "1"
               and b"sleep" in Path(f"{world.root}/proc/{pid}/cmdline").read_bytes())  # fmt: skip
    world.sandboxes = [Holder(Sandbox("a" * 64, "x", "ready", pid, 0, None, "cri"), Pod("shop", "web", "uid-shop-web", (), False), None)]
    assert world.refusal("link", "web", None)[0] == "no-file"
    assert not world.path("/run/netns/shop_web").is_symlink()


def test_without_a_cluster_the_name_alone_decides(world: World) -> None:
    world.sandbox("web", DOCKER)
    (made,) = world.ask("link", ("web", None), namespace="").links
    assert (made.name, made.pod.namespace) == ("shop_web", "shop")
    world.sandbox("web", CNI, namespace="other")
    code, message = world.refusal("link", "web", None, namespace="")
    assert code == "ambiguous" and "other/web, shop/web" in message
    assert [one.name for one in world.ask("link", ("web", None), namespace="other", uid=False).links] == ["other_web"]
    assert {one.name for one in world.ask("unlink", ("web", "web"), namespace="").links} == {"shop_web", "other_web"}


def test_without_a_cluster_former_pods_of_the_name_do_not_count(world: World) -> None:
    """A runtime remembers the sandboxes of deleted pods for a while, and their namespaces may still be held."""
    world.sandbox("web", CNI, state="notready", uid="former")
    world.sandbox("web", "/run/docker/netns/aaaaaaaaaaaa", namespace="other", state="notready")
    inode = world.sandbox("web", DOCKER, uid="present")
    (link,) = world.ask("link", ("web", None), namespace="").links
    assert (link.inode, link.pod) == (inode, Owner("shop", "web", "present"))
    world.sandbox("proxy", "/run/netns/p1", host=True, state="notready", uid="former")
    world.sandbox("proxy", "/run/netns/p2", host=True, uid="present")
    assert world.refusal("link", "proxy", None, namespace="")[0] == "host-network"


def test_a_word_is_a_links_name_first(world: World) -> None:
    world.sandbox("web", DOCKER)
    world.sandbox("db", CNI)
    world.link("db", "web")
    world.link("web", "front")
    assert [one.name for one in world.ask("unlink", ("web", "web"), uid=False).links] == ["web"]
    assert [one.name for one in world.ask("unlink", ("web", "web"), uid=False).links] == ["front"]


def test_the_longest_names_that_kubernetes_has(world: World) -> None:
    namespace, pod = "n" * 63, "p" * 253
    inode = world.sandbox(pod, DOCKER, namespace=namespace)
    (link,) = world.ask("link", (pod, None), namespace=namespace).links
    assert link.name == default_name(namespace, pod) and len(link.name) == 255
    assert link.name in world.listed() and world.inside(link.name) == inode


def test_list_shows_the_names_of_a_pods_namespace(world: World) -> None:
    inode = world.sandbox("web", DOCKER)
    world.link("web")
    for question in (Question(), Question((Pod("shop", "web", None),))):
        (item,) = [one for one in survey(world.place, question, [world]).namespaces if one.namespace.inode == inode]
        assert item.namespace.names == (DOCKER, "/run/netns/shop_web") and item.namespace.path == DOCKER


def test_what_ip_netns_del_would_do(world: World) -> None:
    """Why we never do: on a symbolic link it unmounts the runtime's file."""
    inode = world.sandbox("web", DOCKER)
    world.link("web")
    world.sh("ip", "netns", "del", "shop_web")
    assert world.path(DOCKER).stat().st_ino != inode
