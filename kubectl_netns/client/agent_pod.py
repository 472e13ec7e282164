"""The agent pod's life: made by `kubectl debug`, waited for, and deleted in any case.

It is known as ours by three things together: the name that kubectl printed, the nonce in its container's command, and
the UID that goes with both. Nothing else is ever deleted. Traps: kubectl prints the name *before* it creates the pod, so an
interrupted kubectl leaves it open whether there is one; kubectl never deletes it and would wait without limit.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from .. import __version__
from ..errors import KubectlError, NetnsError, NodeError
from .background import Background
from .cluster import Cluster, Object
from .diagnosis import explain_refusal, stage_of, stage_reason
from .kubectl import Kubectl

CONTAINER = "netns-agent"
PROFILE = "sysadmin"
LIFETIME = 900
LONGEST = 86400
IDLE = 30
PART_OF = "app.kubernetes.io/part-of"
LABELS = {"app.kubernetes.io/name": "netns-agent", PART_OF: "kubectl-netns"}
STARTED_BY, VERSION, KEEP = "kubectl-netns/started-by", "kubectl-netns/version", "kubectl-netns/keep"
IN_USE = "kubectl-netns/exec-"  # one for each command that runs in an agent that was kept, with its beginning
ENDED = ("Succeeded", "Failed")
# merged into the container by `kubectl debug --custom` (1.31; 1.30 where KUBECTL_DEBUG_CUSTOM_PROFILE is set)
CUSTOM = {"resources": {"limits": {"cpu": "1", "memory": "256Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}}}
CREATING = re.compile(r"pod (\S+) with container")
KUBELET_SILENT = 15.0
CREATE_GRACE = 10.0
WAITER = Path(__file__).with_name("waiter.py")
PYTHON = ["python3", "-B", "-c"]  # -B: official images come without bytecode, and Python would write it, on the node's disk

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Spec:
    """How an agent pod is made."""

    image: str
    namespace: str
    timeout: float
    keep: float = 0.0  # seconds that it stays for the next command, after the last one
    lasting: bool = False  # it may be busy for long: with a command that somebody runs inside

    @property
    def lifetime(self) -> int:
        """Seconds after which waiter and cluster end it, however busy. One that is kept may be busy for long some day."""
        return LONGEST if self.keep or self.lasting else LIFETIME


class AgentPod:
    """One agent pod on one node. `create` and `wait` in any thread; `close` in any other, at any time, and more than once."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, node: str, spec: Spec, nonce: str) -> None:
        self._cluster = cluster
        self._kubectl = kubectl
        self._node = node
        self._spec = spec
        self.nonce = nonce
        self._creating: subprocess.Popen[str] | None = None
        self._name: str | None = None
        self._uid: str | None = None
        self._closed = False
        self._deleted = False
        self._kept: float | None = None  # for so many seconds
        self._marked = False
        self._deadline = 0.0
        self._lock = threading.Lock()

    def adopt(self, pod: Object) -> None:
        """Take over one that an earlier command has kept (`kept.py` finds it)."""
        metadata, container = pod["metadata"], pod["spec"]["containers"][0]
        self._name, self._uid, self.nonce = metadata["name"], metadata["uid"], container["command"][4]
        note = metadata["annotations"][KEEP]
        self._kept = float(note) if note.isdecimal() else 0.0

    def forget(self) -> None:
        """What was adopted does not answer: a new one is made instead, and the old one ends by itself."""
        self._name = self._uid = self._kept = None
        self.nonce = secrets.token_hex(16)

    def keep(self) -> None:
        """It has answered: if it is to be kept (for longer), and can be found again, `close` leaves it to its own clock.

        Only now may others adopt it: while its first command runs, that one may yet delete it.
        """
        if self._spec.keep > (self._kept or 0.0) and (self._marked or self._kept is not None):
            with suppress(NetnsError):
                self._annotate({KEEP: f"{self._spec.keep:.0f}"})
                self._kept = self._spec.keep

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a command runs in one that was kept, its pod says so: `cleanup` leaves it alone."""
        note = IN_USE + secrets.token_hex(4)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        noting = Background(lambda: self._annotate({note: now}))  # the command need not wait for it
        try:
            yield
        finally:
            with suppress(NetnsError):
                noting.result()
                self._annotate({note: None})

    def left(self) -> float:
        """Seconds of the node's time that are left. The clock starts at the first look at it."""
        now = time.monotonic()
        self._deadline = self._deadline or now + self._spec.timeout
        return max(0.0, self._deadline - now)

    def create(self, progress: Progress) -> None:
        """Have kubectl make the pod. Raises NetnsError with what it complained of."""
        self.left()
        progress(f"starting the agent on {self._node}")
        self._create(self._deadline)

    def wait(self, progress: Progress) -> None:
        """Follow the pod until the API server says that its container runs, which may be a second after it does.

        Raises NetnsError as soon as waiting cannot help.
        """
        self._wait(self._deadline, progress)

    def runs(self) -> bool:
        """Whether its container runs, asked of the kubelet itself; when in doubt it does."""
        assert self._name
        return self._cluster.runs(self._spec.namespace, self._name, CONTAINER)

    def exec_command(self, *words: str) -> list[str]:
        """The command line that runs something in the pod's container with stdin."""
        assert self._name
        options = ("-i", "-q", "-n", self._spec.namespace, self._name, "-c", CONTAINER)
        return self._kubectl.command("exec", *options, "--", *words)

    def close(self) -> None:
        """Delete the pod, if it was made. Raises NetnsError only when it could not be deleted."""
        with self._lock:
            self._closed = True
            creating = self._creating
        if creating is None or self._deleted or self._kept is not None:
            return
        # its request may be on the way: a kubectl that is killed now could still leave a pod behind that nobody knows of
        try:
            creating.wait(CREATE_GRACE)
        except subprocess.TimeoutExpired:
            creating.kill()
            creating.wait()
        for pod in self._ours():
            self._cluster.delete_pod(self._spec.namespace, pod["metadata"]["name"], pod["metadata"]["uid"])
        self._deleted = True

    def _ours(self) -> list[Object]:
        """The pod, if there is one. Found by name and nonce while its UID has not been seen."""
        if self._name and self._uid:
            return [{"metadata": {"name": self._name, "uid": self._uid}}]
        pods = self._cluster.pods(self._spec.namespace, fieldSelector=f"spec.nodeName={self._node}")
        return [pod for pod in pods if is_agent(pod) and self.nonce in pod["spec"]["containers"][0].get("command", [])]

    def _create(self, deadline: float) -> None:
        waiter = WAITER.read_text()
        with tempfile.NamedTemporaryFile("w", prefix="kubectl-netns-", suffix=".json") as custom:
            json.dump(CUSTOM, custom)
            custom.flush()
            with self._lock:
                if self._closed:
                    raise NetnsError("interrupted")
                self._creating = self._kubectl.start(
                    "debug", f"node/{self._node}", f"--profile={PROFILE}", f"--custom={custom.name}",
                    f"--image={self._spec.image}", f"--container={CONTAINER}", f"--namespace={self._spec.namespace}",
                    "--", *PYTHON, waiter, self.nonce, str(self._spec.lifetime), str(self._spec.keep or IDLE),
                )  # fmt: skip
            try:
                stdout, stderr = self._creating.communicate(timeout=max(1.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired as error:
                raise KubectlError(f"`kubectl debug` did not end within {self._spec.timeout:.0f} s") from error
        if self._creating.returncode:
            raise explain_refusal(stderr.strip(), self._spec.namespace)
        match = CREATING.search(stdout)
        if match is None:
            raise KubectlError(f"`kubectl debug` did not say which pod it made: {stdout.strip() or stderr.strip()!r}")
        self._name = match[1]

    def _wait(self, deadline: float, progress: Progress) -> None:
        assert self._name
        begun, heard = time.monotonic(), False
        told = ""
        pull: NetnsError | None = None  # the first failure says why; later ones only that it is not tried again yet
        while (left := deadline - time.monotonic()) > 0:
            for pod in self._cluster.watch_pod(self._spec.namespace, self._name, min(left, KUBELET_SILENT)):
                if self._uid is None:
                    self._uid = pod["metadata"]["uid"]
                    self._mark()
                heard = heard or "containerStatuses" in pod["status"] or "startTime" in pod["status"]
                stage = stage_of(pod)
                if isinstance(stage, str):
                    if stage != told:
                        progress(f"{stage} on {self._node}")
                    told = stage
                elif isinstance(stage, NetnsError):
                    if stage_reason(pod) == "ErrImagePull" and not pull:
                        pull = stage
                        continue
                    raise pull if pull and stage_reason(pod) in ("ErrImagePull", "ImagePullBackOff") else stage
                else:
                    return
            # once it has taken the pod on, it says nothing while it pulls, however long that takes
            if not heard and time.monotonic() - begun >= KUBELET_SILENT:
                raise NodeError(
                    f"node {self._node} does not answer: its kubelet did nothing about the agent pod for {KUBELET_SILENT:.0f} s",
                    f"see `kubectl describe node {self._node}`",
                )
        raise NodeError(
            f"the agent did not start on {self._node} within {self._spec.timeout:.0f} s", "give it longer with --timeout"
        )

    def _mark(self) -> None:
        """Say on the pod what it is and whose, and have the cluster end it in any case; where that is refused, go on without."""
        with suppress(NetnsError):
            self._annotate({STARTED_BY: started_by(), VERSION: __version__}, spec={"activeDeadlineSeconds": self._spec.lifetime})
            self._marked = True

    def _annotate(self, notes: Object, **more: Object) -> None:
        assert self._name
        metadata = {"uid": self._uid, "labels": LABELS, "annotations": notes}
        self._cluster.patch_pod(self._spec.namespace, self._name, {"metadata": metadata, **more})


def started_by() -> str:
    """Who types this, where: for people who find the pod. Unknown users (a container's UID without a name) are a number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def is_agent(pod: Object) -> bool:
    """Whether a pod was made by this tool: its name is kubectl debug's, its container's ours."""
    containers = pod["spec"]["containers"]
    return pod["metadata"]["name"].startswith("node-debugger-") and [one["name"] for one in containers] == [CONTAINER]


def is_kept_by_me(pod: Object) -> bool:
    """Whether --keep left it, typed by the same person at the same machine."""
    notes = pod["metadata"].get("annotations") or {}
    return KEEP in notes and notes.get(STARTED_BY) == started_by()


def is_waiting(pod: Object) -> bool:
    """Whether an agent pod's process is this very version's waiter, word for word, and sees the node as `kubectl debug` makes it.

    One that is shut in would take its own processes for the node's.
    """
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    command = container.get("command") or []
    waits = len(command) == 7 and command[:4] == [*PYTHON, WAITER.read_text()]
    sees = spec.get("hostPID") and spec.get("hostNetwork") and (container.get("securityContext") or {}).get("privileged")
    return is_agent(pod) and waits and bool(sees)
