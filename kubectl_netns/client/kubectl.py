"""Run kubectl. The only module that does; everything else that is asked of a cluster goes through `cluster.py`.

kubectl knows ways to debug and to stream (SPDY, WebSockets, proxies, credential plug-ins) that the Python client does not.
Its words are matched in English, so its locale is fixed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from ..errors import KubectlError
from . import children

OLD = "kubectl 1.30 or newer is needed, for `kubectl debug --profile=sysadmin`"


@dataclass(frozen=True)
class Connection:
    """Which cluster and as whom, by kubectl's own flags: heeded by our requests, and handed on to kubectl, alike."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    cluster: str | None = None
    user: str | None = None
    server: str | None = None
    token: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    as_uid: str | None = None
    request_timeout: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    certificate_authority: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    cache_dir: str | None = None

    def flags(self) -> list[str]:
        """As kubectl takes them; the namespace is not among them, since each call has its own."""
        named = {"kubeconfig": self.kubeconfig, "context": self.context, "cluster": self.cluster, "user": self.user,
                 "server": self.server, "token": self.token, "as": self.as_user, "as-uid": self.as_uid,
                 "request-timeout": self.request_timeout, "tls-server-name": self.tls_server_name,
                 "certificate-authority": self.certificate_authority, "client-certificate": self.client_certificate,
                 "client-key": self.client_key, "cache-dir": self.cache_dir}  # fmt: skip
        flags = [f"--{flag}={value}" for flag, value in named.items() if value is not None]
        flags += [f"--as-group={group}" for group in self.as_groups]
        return flags + (["--insecure-skip-tls-verify"] if self.insecure_skip_tls_verify else [])


@dataclass(frozen=True)
class Kubectl:
    path: str
    connection: Connection

    def command(self, *words: str) -> list[str]:
        return [self.path, *self.connection.flags(), *words]

    def start(self, *words: str) -> subprocess.Popen[str]:
        return children.start(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C", "KUBECTL_DEBUG_CUSTOM_PROFILE": "true"},
        )


def find(connection: Connection) -> Kubectl:
    """kubectl says which binary called us (KUBECTL_PATH, since 1.37); else the one on PATH. Raises KubectlError."""
    path = os.environ.get("KUBECTL_PATH") or shutil.which("kubectl")
    if path is None:
        raise KubectlError("kubectl was not found on PATH", f"install it; {OLD}")
    return Kubectl(path, connection)


def too_old(stderr: str) -> bool:
    """Whether kubectl's complaint means that it does not know the profile (before 1.30) or the flag (before 1.27)."""
    return "unknown profile" in stderr or "unknown flag: --profile" in stderr
