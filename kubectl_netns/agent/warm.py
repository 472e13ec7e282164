"""In a pod that is kept: wait for whoever comes next, with everything imported, and fork an agent for each.

To start Python, unpack the agent and import it with a runtime's library takes several times as long as the answer for a pod.
`client/knock.py` comes to the door, a socket, and hands over the stdin, stdout and stderr of its `kubectl exec`; the agent that
is forked for them knows nothing of the ones before, since the process that waits never looks at the node itself.
The door is in the container's own /dev, a tmpfs: nothing is written to the node's disk, and nobody reaches it from outside the
container but root of the node. (An abstract socket would be open to every pod on the node's network, /dev/shm is the node's.)
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

LOOK = 5.0  # how often to see whether the pod's main process is still there; with it the runtime ends all others, usually
HANDING_OVER = 1.0
PATIENCE = 45  # as in `client/boot.py`
LATE = (  # what is imported only when it is needed, ours and others'; of the others only one runtime's are there
    "kubectl_netns.agent.session", "kubectl_netns.agent.aliases", "kubectl_netns.agent.runtimes.docker_engine",
    "kubectl_netns.agent.runtimes.cri", "docker.api.client", "netrc", "h2.connection", "encodings.ascii",
)  # fmt: skip


def stay(door: str, nonce: str, run: Callable[[], NoReturn]) -> None:
    """Leave a process behind that waits at the door while the waiter of this nonce lives; `run` serves stdin and stdout.

    The caller has one thread, and goes on at once. If somebody waits there already, nobody else does.
    """
    listening = _open(door)
    if listening is None:
        return
    reading, writing = os.pipe()
    if os.fork():
        listening.close()
        return  # `writing` stays open until this process ends, which has the CPU to itself till then
    try:
        os.close(writing)
        os.setsid()
        _take(*([os.open(os.devnull, os.O_RDWR)] * 3))
        select.select([reading, listening.fileno()], [], [])
        os.close(reading)
        prepare()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
        while _waits(nonce):
            if select.select([listening], [], [], LOOK)[0]:
                _serve(listening, run)
    finally:
        os._exit(0)


def prepare() -> None:
    for name in LATE:
        with suppress(ImportError):
            importlib.import_module(name)


def _open(door: str) -> socket.socket | None:
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)
    try:
        if _answers(door):
            return None
        with suppress(FileNotFoundError):
            os.unlink(door)
        listening.bind(door)
        listening.listen()
    except OSError:  # no such place here, or two came at once: the next command takes the longer way
        listening.close()
        return None
    finally:
        os.umask(before)
    return listening


def _answers(address: str, kind: int = socket.SOCK_STREAM) -> bool:
    with socket.socket(socket.AF_UNIX, kind) as voice:
        try:
            voice.connect(address)
        except OSError:
            return False
        return True


def _waits(nonce: str) -> bool:
    return _answers(f"\0kubectl-netns-{nonce}", socket.SOCK_DGRAM)


def _serve(listening: socket.socket, run: Callable[[], NoReturn]) -> None:
    visitor, _ = listening.accept()
    with visitor:
        visitor.settimeout(HANDING_OVER)
        try:
            visitor.sendall(b"+")
            _, descriptors, _, _ = socket.recv_fds(visitor, 1, 3)
        except OSError:
            return
        if len(descriptors) == 3 and os.fork() == 0:
            # the visitor stays open until this process ends: that is what the other side waits for
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.alarm(PATIENCE)
            os.setsid()
            listening.close()
            _take(*descriptors)
            sys.argv = sys.argv[:1]
            run()
        for descriptor in descriptors:
            os.close(descriptor)


def _take(*descriptors: int) -> None:
    """As stdin, stdout and stderr."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    for descriptor in {*descriptors}:
        os.close(descriptor)
