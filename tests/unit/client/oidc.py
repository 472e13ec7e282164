"""An OpenID Connect issuer on the loopback, and a kubeconfig whose token of it has run out and must be renewed."""

from __future__ import annotations

import base64
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

RENEW = """
from kubectl_netns.client import kubeconfig, kubectl
print(dict(kubeconfig.connect(kubectl.Connection(), 1)._headers)["authorization"])
"""


def token(expires: int) -> str:
    """A JWT that nobody has signed: only its expiry is looked at."""
    parts = ({"alg": "none"}, {"exp": expires}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


RENEWED = token(4_000_000_000)


class Issuer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        here = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        self._answer({"issuer": here, "token_endpoint": f"{here}/token"} if self.path == "/.well-known/openid-configuration" else {})

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        known = self.path == "/token" and "grant_type=refresh_token" in asked and "refresh_token=old" in asked
        self._answer({"access_token": "a", "token_type": "Bearer", "id_token": RENEWED if known else "wrong", "refresh_token": "new"})

    def _answer(self, value: dict[str, str]) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: object) -> None:
        pass


@contextmanager
def expired(folder: Path) -> Iterator[Path]:
    """The kubeconfig."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        provider = {"client-id": "us", "client-secret": "s", "id-token": token(1), "refresh-token": "old",
                    "idp-issuer-url": f"http://127.0.0.1:{server.server_port}"}  # fmt: skip
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": "https://it.example:6443"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "users": [{"name": "it", "user": {"auth-provider": {"name": "oidc", "config": provider}}}],
        }  # fmt: skip
        path = folder / "oidc"
        path.write_text(json.dumps(config))
        try:
            yield path
        finally:
            server.shutdown()


def renewed(python: Sequence[str | Path], folder: Path, cwd: Path, prelude: str = "") -> str:
    """What `authorization` becomes, asked of this Python in a process of its own."""
    with expired(folder) as kubeconfig:
        # oauthlib insists on https otherwise
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "OAUTHLIB_INSECURE_TRANSPORT": "1"}
        words = [*python, "-c", prelude + RENEW]
        result = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
