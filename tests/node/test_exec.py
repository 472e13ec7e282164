"""A command in a real namespace: both ends of the conversation as they are, only the pod's namespace is one that `ip` has made."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import random
import re
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_netns.agent import tools
from kubectl_netns.agent.place import HERE
from kubectl_netns.client import relay
from kubectl_netns.client.streams import Streams
from kubectl_netns.errors import NetnsError, NoCommandError, NotExecutableError
from kubectl_netns.execution import Execution
from kubectl_netns.model import Pod
from tests.node.worlds import World, sh
from tests.soon import soon

AGENT = """
import json, os, sys
os.read(0, 6)
from kubectl_netns.agent import __main__ as agent, enter, entrance
path, files = sys.argv[1], json.loads(sys.argv[2])
def prepare(place, execution):
    descriptor = os.open(path, os.O_RDONLY)
    return entrance.Job(execution, descriptor, enter.key_of(descriptor), files)
entrance.prepare = prepare
os._exit(agent.main())
"""
BIG = 10_000_000


class Inside:
    """Runs commands in the namespace called `a`; what they print is in `out` and `err`, what we say in `told`."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self._folder = world, folder
        self.files: dict[str, list[int]] = {}
        self.told: list[str] = []
        self.out = self.err = b""

    def __call__(self, *command: str, stdin: bytes | None = None) -> int:
        paths = {name: self._folder / name for name in ("in", "out", "err")}
        paths["in"].write_bytes(stdin or b"")
        with paths["in"].open("rb") as source, paths["out"].open("wb") as out, paths["err"].open("wb") as err:
            streams = Streams(
                None if stdin is None else source.fileno(), out.fileno(), err.fileno(), False, self.told.append, lambda: None
            )
            try:
                return self.run(command, streams)
            finally:
                self.out, self.err = paths["out"].read_bytes(), paths["err"].read_bytes()

    def run(self, command: tuple[str, ...], streams: Streams) -> int:
        execution = Execution(Pod("", "x", None), command, "auto", streams.stdin is not None, streams.screen)
        agent = [sys.executable, "-c", AGENT, self.world.path("a"), json.dumps(self.files), "local"]
        return relay.execute(agent, b"bundle", "cafe", lambda: None, execution, 20.0, streams)


@pytest.fixture
def inside(world: World, tmp_path: Path) -> Iterator[Inside]:
    world.add("a")
    yield Inside(world, tmp_path)
    soon(lambda: not sh("ip", "netns", "pids", world.name("a")).split(), 5)  # the oracle: nobody is left in there


def alive(marker: str) -> list[str]:
    """Processes that have this among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if marker in path.read_bytes().decode().split("\0") else []
        except (OSError, UnicodeDecodeError):
            continue
    return found


def test_it_is_in_the_namespace(inside: Inside) -> None:
    assert inside("readlink", "/proc/self/ns/net") == 0
    assert inside.out.decode().strip() == f"net:[{inside.world.inode('a')}]"
    assert inside("ls", "/sys/class/net") == 0 and inside.out == b"lo\n"


def test_cgroups_are_where_they_were(inside: Inside) -> None:
    assert inside("ls", "/sys/fs/cgroup") == 0
    assert inside.out.decode().split() == sorted(os.listdir("/sys/fs/cgroup"))


@pytest.mark.parametrize("status", [0, 1, 42, 127, 255])
def test_the_status_is_the_commands(inside: Inside, status: int) -> None:
    assert inside("sh", "-c", f"exit {status}") == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV], ids=lambda number: number.name)
def test_a_signals_status_is_a_shells(inside: Inside, number: signal.Signals) -> None:
    assert inside("sh", "-c", f"ulimit -c 0; kill -{int(number)} $$") == 128 + number


def test_streams_are_apart_and_arguments_are_exact(inside: Inside) -> None:
    assert inside("printf", "%s|", "a b", "", "\udcff\udcfe", "é") == 0
    assert inside.out == b"a b||\xff\xfe|\xc3\xa9|"
    assert inside("sh", "-c", "echo out; echo err >&2") == 0 and (inside.out, inside.err) == (b"out\n", b"err\n")


def test_binary_data_both_ways(inside: Inside) -> None:
    data = random.Random(1).randbytes(BIG)
    assert inside("cat", stdin=data) == 0
    assert hashlib.sha256(inside.out).digest() == hashlib.sha256(data).digest()
    assert inside("sha256sum", stdin=data) == 0 and inside.out.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_a_terminal(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's own, of the size and kind of the user's, which is raw meanwhile and put back; Ctrl-C is a key of the command's.

    Its size changes while the command is being started.
    """
    def resize(rows: int, columns: int) -> None:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    monkeypatch.setenv("TERM", "vt100")
    ours, theirs = pty.openpty()
    resize(31, 97)
    before = termios.tcgetattr(theirs)
    shown = bytearray()

    def type_keys() -> None:
        for awaited, keys in (b"ready", b"\x03"), (b"caught", b"words\n"):
            while awaited not in shown:
                shown.extend(os.read(ours, 1 << 16))
            assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
            os.write(ours, keys)

    user = threading.Thread(target=type_keys)
    user.start()
    script = "trap 'echo caught' INT; stty size; test -t 0 -a -t 1 -a -t 2 && echo $TERM-$(tty)-ready; sleep 60; read x; echo got-$x; stty size; exit 9"
    assert inside.run(("sh", "-c", script), Streams(theirs, theirs, theirs, True, print, lambda: resize(44, 123))) == 9
    user.join()
    shown.extend(os.read(ours, 1 << 16))
    assert termios.tcgetattr(theirs) == before
    for end in (ours, theirs):
        os.close(end)
    assert re.search(rb"(31 97|44 123)\r\nvt100-/dev/pts/\d+-ready.*caught.*words.*got-words\r\n44 123\r\n$", shown, re.S), bytes(shown)


def test_without_stdin_there_is_none(inside: Inside) -> None:
    assert inside("cat") == 0 and inside.out == b""
    assert inside("cat", stdin=b"") == 0 and inside.out == b""


def test_input_that_nobody_reads_does_not_stand_in_the_way(inside: Inside) -> None:
    """More than all buffers together; the signal comes behind it."""
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert inside("sleep", "60", stdin=bytes(BIG)) == 128 + signal.SIGTERM
    assert inside("sh", "-c", "exec <&-; sleep 0.3; echo done", stdin=bytes(BIG)) == 0 and inside.out == b"done\n"


def test_a_script_without_an_interpreter_line_is_a_shells(inside: Inside, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('echo "$1"\n')
    script.chmod(0o755)
    assert inside(str(script), "word") == 0 and inside.out == b"word\n"


def test_what_cannot_be_run(inside: Inside, tmp_path: Path) -> None:
    with pytest.raises(NoCommandError, match='"no-such-command" is not among this machine\'s tools'):
        inside("no-such-command")
    with pytest.raises(NotExecutableError, match="not executable"):
        inside("/etc/passwd")
    with pytest.raises(NotExecutableError, match="a folder"):
        inside("/etc")
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(NotExecutableError, match="interpreter is missing"):
        inside(str(script))


def test_a_reader_that_goes_away_is_the_commands_to_notice(inside: Inside) -> None:
    """`| head -c 2`."""
    reading, writing = os.pipe()
    threading.Thread(target=lambda: (os.read(reading, 2), os.close(reading))).start()
    streams = Streams(None, writing, 2, False, inside.told.append, lambda: None)
    assert inside.run(("yes",), streams) == 128 + signal.SIGPIPE
    os.close(writing)


def test_a_slow_reader_loses_nothing(inside: Inside) -> None:
    reading, writing = os.pipe()
    received = bytearray()

    def read() -> None:
        time.sleep(2)
        while data := os.read(reading, 1 << 16):
            received.extend(data)

    thread = threading.Thread(target=read)
    thread.start()
    streams = Streams(None, writing, 2, False, inside.told.append, lambda: None)
    assert inside.run(("head", "-c", str(BIG), "/dev/zero"), streams) == 0
    os.close(writing)
    thread.join()
    assert len(received) == BIG


def test_a_full_disk_is_told_and_ends_the_command(inside: Inside) -> None:
    with open("/dev/full", "wb") as full, pytest.raises(NetnsError, match="cannot be written: No space left"):
        inside.run(("sh", "-c", "echo x; exec sleep 86399"), Streams(None, full.fileno(), 2, False, print, lambda: None))
    soon(lambda: not alive("86399"), 10)


@pytest.mark.parametrize("command", ["sleep 86398 & exit 3", "(setsid nohup sleep 86398 >/dev/null 2>&1 &); exit 3"])
def test_what_it_leaves_in_the_background_ends_with_it(inside: Inside, command: str) -> None:
    assert inside("sh", "-c", command) == 3
    assert alive("86398") == []


def test_what_is_ended_may_say_good_bye_even_if_it_is_stopped(inside: Inside) -> None:
    stopped = "sh -c 'trap \"echo bye; exit\" HUP; kill -STOP $$' & while ! grep -q '^State:.T' /proc/$!/status; do sleep 0.05; done; exit 3"
    assert inside("sh", "-c", stopped) == 3
    assert inside.out == b"bye\n"


def test_a_stranger_that_goes_on_writing_is_not_waited_for(inside: Inside) -> None:
    """It opened the command's stdout by itself, and so nobody here can end it; as a daemon has it that was handed the descriptor."""
    def write() -> None:
        soon(lambda: alive("86394"), 10)
        (command,) = alive("86394")
        with open(f"/proc/{command}/fd/1", "wb") as out:
            inside.world.start("timeout", "60", "yes", stdout=out)
        os.kill(int(command), signal.SIGTERM)

    stranger = threading.Thread(target=write)
    stranger.start()
    begun = time.monotonic()
    assert inside("sleep", "86394") == 128 + signal.SIGTERM
    assert time.monotonic() - begun < 45
    stranger.join()


def test_nobody_pins_the_namespace_while_the_command_runs(inside: Inside) -> None:
    """Only processes are in it: an open descriptor would keep a deleted pod's veth alive for as long as somebody looks on."""
    look = "sleep 0.5; find /proc/[0-9]*/fd -lname \"$1\" -o -lname \"$2\" 2>/dev/null; true"
    names = inside.world.path("a"), f"net:\\[{inside.world.inode('a')}\\]"
    assert inside("sh", "-c", look, "sh", *names) == 0
    assert inside.out == b""


def test_a_signal_is_the_commands_to_handle(inside: Inside) -> None:
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert inside("sh", "-c", "trap 'echo caught; exit 9' INT; while :; do sleep 0.1; done") == 9
    assert inside.out == b"caught\n"


def test_a_second_interrupt_leaves(inside: Inside) -> None:
    for delay in (1, 1.5):
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        inside("sh", "-c", "trap '' INT HUP; while :; do sleep 0.1 86397; done")
    soon(lambda: not alive("86397"), 10)


def test_a_termination_that_is_ignored_leaves(inside: Inside) -> None:
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            inside("sh", "-c", "trap '' TERM; sleep 86396; while :; do sleep 0.1; done")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert relay.GRACE <= time.monotonic() - begun < relay.GRACE + 4
    soon(lambda: not alive("86396"), 10)


def test_files_are_read_in_the_pods_own_root(inside: Inside, tmp_path: Path) -> None:
    """An absolute symlink there leads to a file there, and a pipe or a device is none; the machine's own files stay as they are."""
    root = tmp_path / "root"
    for folder in ("etc", "run", "proc"):
        (root / folder).mkdir(parents=True)
    (root / "run/resolver").write_text("nameserver 192.0.2.53\nsearch inside.example\n")
    (root / "etc/resolv.conf").symlink_to("/run/resolver")
    os.mkfifo(root / "etc/hosts")
    pod = inside.world.start(
        "nsenter", f"--net={inside.world.path('a')}", sys.executable, "-c",
        f"import os, signal; os.chroot({str(root)!r}); os.chdir('/'); signal.pause()",
    )  # fmt: skip
    soon(lambda: os.readlink(f"/proc/{pod.pid}/root") == str(root), 10)
    inside.files = {"/etc/resolv.conf": [1 << 22, pod.pid], "/etc/hosts": [pod.pid]}
    def machine() -> tuple[object, ...]:
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if line.split()[4].startswith(("/sys", "/etc"))]
        return Path("/etc/resolv.conf").read_text(), Path("/etc/hosts").read_text(), mounts

    before, umask = machine(), os.umask(0o077)
    try:
        assert inside("sh", "-c", "cat /etc/resolv.conf; stat -Lc %a /etc/resolv.conf; cat /etc/hosts >&2") == 0
        assert inside.out == b"nameserver 192.0.2.53\nsearch inside.example\n644\n"
        assert inside.err.decode() == before[1] and inside.told == []
    finally:
        os.umask(umask)
        pod.kill()
        pod.wait()
    assert machine() == before


def test_a_pods_device_is_not_even_opened(inside: Inside, tmp_path: Path) -> None:
    """A pod can make any device, and to open one is to use it. Here a pipe stands for it: who waits to write learns of a reader."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "proc").mkdir()
    os.mkfifo(root / "etc/resolv.conf")
    pod = inside.world.start(
        "nsenter", f"--net={inside.world.path('a')}", sys.executable, "-c",
        f"import os, signal; os.chroot({str(root)!r}); os.chdir('/'); signal.pause()",
    )  # fmt: skip
    soon(lambda: os.readlink(f"/proc/{pod.pid}/root") == str(root), 10)
    inside.files = {"/etc/resolv.conf": [pod.pid]}
    opened: list[int] = []

    def wait() -> None:  # returns as soon as anybody has opened the other end
        opened.append(os.open(root / "etc/resolv.conf", os.O_WRONLY))

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    try:
        assert inside("true") == 0
        assert "no process of the pod has one" in inside.told[0]
        assert not opened
    finally:
        os.close(os.open(root / "etc/resolv.conf", os.O_RDONLY | os.O_NONBLOCK))
        waiter.join(5)
        pod.kill()
        pod.wait()
        for descriptor in opened:
            os.close(descriptor)


def test_a_kits_root_is_that_of_its_process(inside: Inside, tmp_path: Path) -> None:
    """Its mount namespace alone would do where it has its root there; a containerised init has it elsewhere. And there is a way back."""
    (tmp_path / "only-here").mkdir()
    (tmp_path / "only-here/x").touch(0o755)
    script = f"import os, signal; os.chroot({str(tmp_path)!r}); os.chdir('/only-here'); signal.pause()"
    init = inside.world.start("unshare", "--mount", sys.executable, "-c", script)
    soon(lambda: os.readlink(f"/proc/{init.pid}/root") == str(tmp_path), 10)
    kits = [tools.Kit("node", "", {}, init.pid), tools.Kit("image", "", {}, 0)]
    for wanted, path in (kits[:1], "/only-here/x"), (kits, "/bin/sh"):
        child = os.fork()
        if not child:
            kit, found = tools.choose(HERE, wanted, path)
            os._exit(7 if (kit, found, os.getcwd()) == (wanted[-1], path, "/") else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_no_file_is_read_from_a_process_elsewhere(inside: Inside) -> None:
    """Its number may be another's by now."""
    inside.files = {"/etc/resolv.conf": [os.getpid()]}
    assert inside("pwd") == 0 and inside.out.decode().strip() == os.getcwd()
    assert "no process of the pod has one" in inside.told[0]


def test_no_resolver_is_told(inside: Inside) -> None:
    assert inside("true") == 0
    assert inside.told == ["warning: /etc/resolv.conf is not the pod's: no process of the pod has one"]


@pytest.mark.parametrize("victim", ["agent", "supervisor"])
def test_whoever_is_killed_takes_the_command_along(inside: Inside, victim: str) -> None:
    """And all that it started. The agent leaves its supervisor, which ends everything; the supervisor leaves its agent, which does."""
    def above() -> set[str]:
        return {_parent(one) for one in alive("86395")} - {*alive("86395")}

    def kill() -> None:
        soon(lambda: len(alive("86395")) == 3 and len(above()) == 1, 10)
        (supervisor,) = above()
        os.kill(int(supervisor if victim == "supervisor" else _parent(supervisor)), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(NetnsError, match="supervisor was ended" if victim == "supervisor" else "connection with the command was lost"):
        inside("sh", "-c", "(setsid nohup sleep 86395 >/dev/null 2>&1 &); trap '' HUP; sleep 86395 & exec sleep 86395")
    thread.join()
    assert victim == "agent" or not alive("86395")
    soon(lambda: not alive("86395"), 10)


def test_even_without_both_the_command_ends(inside: Inside) -> None:
    def kill() -> None:
        soon(lambda: alive("86392"), 10)
        supervisor = _parent(alive("86392")[0])
        agent = int(_parent(supervisor))
        os.kill(agent, signal.SIGSTOP)
        os.kill(int(supervisor), signal.SIGKILL)
        os.kill(agent, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(NetnsError, match="connection with the command was lost"):
        inside("sleep", "86392")
    thread.join()
    soon(lambda: not alive("86392"), 10)


def _parent(pid: str) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
