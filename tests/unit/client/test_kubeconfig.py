"""Kubeconfigs as kubectl understands them: lists of files, flags before files, impersonation; compared with `kubectl` where it tells."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import certifi
import pytest

from kubectl_netns.client import kubeconfig
from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.errors import ClusterError

from . import oidc


def config(name: str, current: str | None = None, user: dict[str, Any] | None = None, namespace: str | None = None) -> dict[str, Any]:
    context = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "v1", "kind": "Config", **({"current-context": current} if current else {}),
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443"}}],
        "users": [{"name": name, "user": user or {"token": f"token-{name}"}}],
        "contexts": [{"name": name, "context": context}],
    }  # fmt: skip


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a").write_text(json.dumps(config("a", namespace="shop")))
    (tmp_path / "b").write_text(json.dumps(config("b", current="b")))
    (tmp_path / "c").write_text(json.dumps(config("c", current="c")))
    listed = ":".join(str(tmp_path / name) for name in ("a", "missing", "b", "c"))
    monkeypatch.setenv("KUBECONFIG", listed)
    monkeypatch.setenv("HOME", str(tmp_path))
    return listed


def headers(cluster: Cluster) -> list[tuple[str, str]]:
    return list(vars(cluster)["_headers"])


def host(cluster: Cluster) -> str:
    return str(vars(cluster)["_host"])


def test_of_several_files_the_first_that_names_a_context_counts(files: str) -> None:
    cluster = kubeconfig.connect(Connection(), 5)
    assert (host(cluster), headers(cluster)) == ("https://b.example:6443", [("authorization", "Bearer token-b")])
    if shutil.which("kubectl"):
        shown = subprocess.run(["kubectl", "config", "view", "--minify", "-o", "json"], capture_output=True, text=True, check=True)
        assert json.loads(shown.stdout)["clusters"][0]["cluster"]["server"] == host(cluster)


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n"])
def test_files_that_say_nothing_are_passed_over(files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "first").write_text(text)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'first'}:{files}")
    assert host(kubeconfig.connect(Connection(), 5)) == "https://b.example:6443"
    shown = subprocess.run(["kubectl", "config", "current-context"], capture_output=True, text=True, check=True)
    assert shown.stdout == "b\n"
    with pytest.raises(ClusterError, match="there is none, or it has no current context"):
        kubeconfig.connect(Connection(kubeconfig=str(tmp_path / "first")), 5)


@pytest.mark.parametrize(("connection", "server", "token"), [
    (Connection(context="a"), "a", "token-a"),
    (Connection(context="a", cluster="c"), "c", "token-a"),
    (Connection(user="a"), "b", "token-a"),
    (Connection(token="mine"), "b", "mine"),
    (Connection(cluster="a", user="c"), "a", "token-c"),
])  # fmt: skip
def test_flags_go_before_the_file(files: str, connection: Connection, server: str, token: str) -> None:
    cluster = kubeconfig.connect(connection, 5)
    assert (host(cluster), headers(cluster)) == (f"https://{server}.example:6443", [("authorization", f"Bearer {token}")])


def test_a_flag_for_the_server_or_its_certificates_goes_before_the_file_with_a_token(files: str) -> None:
    """The package writes the file's own again whenever it gives the token."""
    flags = Connection(server="https://other:1", certificate_authority="/ca", client_certificate="/cert", client_key="/key", tls_server_name="n")
    cluster = kubeconfig.connect(flags, 5)
    pool = vars(cluster)["_http"].connection_pool_kw
    assert (host(cluster), headers(cluster)) == ("https://other:1", [("authorization", "Bearer token-b")])
    assert [pool[key] for key in ("ca_certs", "cert_file", "key_file", "server_hostname")] == ["/ca", "/cert", "/key", "n"]
    assert vars(kubeconfig.connect(Connection(insecure_skip_tls_verify=True), 5))["_http"].connection_pool_kw["cert_reqs"] == ssl.CERT_NONE


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "interactiveMode": "Never"}


@pytest.mark.parametrize("script", ["echo 'log in \033[31mfirst' >&2; exit 3", "echo nonsense", "exec /nonexistent"])
def test_a_credential_plug_in_that_fails_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str) -> None:
    """The package logs it and goes on as nobody: the API server would then say something else."""
    (tmp_path / "k").write_text(json.dumps(config("a", current="a", user={"exec": {**EXEC, "args": ["-c", script]}})))
    with pytest.raises(ClusterError, match=r"credentials cannot be had: .*exec"):
        kubeconfig.connect(Connection(kubeconfig=str(tmp_path / "k")), 5)
    assert capfd.readouterr().err == ""


def test_a_credential_plug_in_that_never_answers_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "k").write_text(json.dumps(config("a", current="a", user={"exec": {**EXEC, "args": ["-c", "exec sleep 5"]}})))
    begun = time.monotonic()
    with pytest.raises(ClusterError, match="did not answer within 1 s") as caught:
        kubeconfig.connect(Connection(kubeconfig=str(tmp_path / "k")), 5, patience=1)
    assert time.monotonic() - begun < 4 and "--timeout" in (caught.value.hint or "")


@pytest.mark.parametrize(("connection", "namespace", "home"), [
    (Connection(context="a"), "shop", "shop"), (Connection(context="a", namespace="x"), "x", "shop"), (Connection(), "default", "default"),
])  # fmt: skip
def test_namespaces(files: str, connection: Connection, namespace: str, home: str) -> None:
    cluster = kubeconfig.connect(connection, 5)
    assert (cluster.namespace, cluster.home) == (namespace, home)


@pytest.mark.parametrize("more", [{}, {"insecure_skip_tls_verify": True}, {"certificate_authority": certifi.where()}])
def test_without_tls_credentials_stay_here(files: str, more: dict[str, Any]) -> None:
    """kubectl 1.32 takes a server without a scheme for http:// in each of these cases, and sends no credentials there."""
    for server in ("api:6443", "http://api:6443"):
        cluster = kubeconfig.connect(Connection(server=server, token="t", as_user="u", **more), 1)
        assert (host(cluster), headers(cluster)) == ("http://api:6443", [("Impersonate-User", "u")])


def test_a_server_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    cluster = kubeconfig.connect(Connection(server="https://x:1/", token="t"), 5)
    assert (host(cluster), headers(cluster)) == ("https://x:1", [("authorization", "Bearer t")])


@pytest.mark.parametrize(("connection", "said"), [
    (Connection(context="nope"), 'no context "nope"'), (Connection(cluster="nope"), 'no cluster "nope"'), (Connection(user="nope"), 'no user "nope"'),
])  # fmt: skip
def test_what_is_not_in_the_file(files: str, connection: Connection, said: str) -> None:
    with pytest.raises(ClusterError) as caught:
        kubeconfig.connect(connection, 5)
    assert said in caught.value.message and "b" in (caught.value.hint or "")


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's service account, at another place; no kubeconfig."""
    (tmp_path / "token").write_text("its-token")
    (tmp_path / "namespace").write_text("tools")
    shutil.copy(certifi.where(), tmp_path / "ca.crt")
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    for name, value in {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "KUBECONFIG": "/none"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.parametrize(("connection", "token", "namespace"), [
    (Connection(), "its-token", "tools"), (Connection(token="mine", namespace="n"), "mine", "n"),
])  # fmt: skip
def test_in_a_pod_its_service_account_serves(inside: Path, connection: Connection, token: str, namespace: str) -> None:
    cluster = kubeconfig.connect(connection, 5)
    assert (host(cluster), cluster.namespace, cluster.home) == ("https://[fd00::1]:443", namespace, "tools")
    assert [value.split()[-1] for _, value in headers(cluster)] == [token]
    assert vars(cluster)["_http"].connection_pool_kw["ca_certs"] == str(inside / "ca.crt")


def test_in_a_pod_whatever_names_a_server_goes_first(inside: Path, files: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host(kubeconfig.connect(Connection(), 5)) == "https://b.example:6443"
    monkeypatch.setenv("KUBECONFIG", "/none")
    assert headers(kubeconfig.connect(Connection(server="https://x"), 5)) == []


@pytest.mark.parametrize("connection", [Connection(as_user="u"), Connection(as_groups=("g",)), Connection(cluster="c"), Connection(user="u")])
def test_in_a_pod_nobody_is_impersonated(inside: Path, connection: Connection) -> None:
    with pytest.raises(ClusterError, match="service account"):
        kubeconfig.connect(connection, 5)


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_what_looks_like_a_pod_but_is_none(inside: Path, missing: str) -> None:
    (inside / missing).unlink()
    with pytest.raises(ClusterError, match="no usable kubeconfig"):
        kubeconfig.connect(Connection(), 5)


@pytest.mark.parametrize(("connection", "expected"), [
    (Connection(as_user="jürgen €"), "jürgen €".encode()), (Connection(as_user="\udcff"), b"\xff"),
])  # fmt: skip
def test_names_are_sent_as_kubectl_sends_them(files: str, connection: Connection, expected: bytes) -> None:
    assert dict(headers(kubeconfig.connect(connection, 5)))["Impersonate-User"].encode("latin-1") == expected


@pytest.mark.parametrize("connection", [Connection(token="a\nb"), Connection(token="t\n"), Connection(as_user="a\x00"), Connection(as_groups=("\r",))])
def test_what_no_header_may_have_is_refused(files: str, connection: Connection) -> None:
    with pytest.raises(ClusterError, match="line break or control character"):
        kubeconfig.connect(connection, 5)


ACTOR = {"token": "t", "as": "jane", "as-groups": ["dev", "ops"], "as-uid": "7", "as-user-extra": {"reason": ["why", "so"], "acme.io/id%": [1]}}


@pytest.mark.parametrize(("connection", "expected"), [
    (Connection(), [("Impersonate-User", "jane"), ("Impersonate-Group", "dev"), ("Impersonate-Group", "ops"), ("Impersonate-Uid", "7"),
                    ("Impersonate-Extra-reason", "why"), ("Impersonate-Extra-reason", "so"),
                    ("Impersonate-Extra-acme.io%2Fid%25", "1")]),
    (Connection(as_user="bob"), [("Impersonate-User", "bob")]),
    (Connection(as_user="bob", as_groups=("x", "y"), as_uid="9"),
     [("Impersonate-User", "bob"), ("Impersonate-Group", "x"), ("Impersonate-Group", "y"), ("Impersonate-Uid", "9")]),
])  # fmt: skip
def test_impersonation(tmp_path: Path, connection: Connection, expected: list[tuple[str, str]]) -> None:
    (tmp_path / "k").write_text(json.dumps(config("a", current="a", user=ACTOR)))
    cluster = kubeconfig.connect(Connection(**{**vars(connection), "kubeconfig": str(tmp_path / "k")}), 5)
    assert headers(cluster) == [("authorization", "Bearer t"), *expected]


def test_every_flag_is_handed_on_to_kubectl() -> None:
    values: dict[str, Any] = {name: f"v-{name}" for name in Connection.__dataclass_fields__ if name not in ("as_groups", "insecure_skip_tls_verify")}
    connection = Connection(**values, as_groups=("g", "h"), insecure_skip_tls_verify=True)
    flags = connection.flags()
    assert "--as=v-as_user" in flags and flags[-3:] == ["--as-group=g", "--as-group=h", "--insecure-skip-tls-verify"]
    assert not any("namespace" in flag for flag in flags)
    names = {flag.partition("=")[0] for flag in flags}
    assert len(names) == len(Connection.__dataclass_fields__) - 1
    if shutil.which("kubectl"):
        help_text = subprocess.run(["kubectl", "options"], capture_output=True, text=True, check=True).stdout
        assert {name for name in names if f"{name}=" not in help_text} == set()
    assert Kubectl("k", connection).command("get")[1:] == [*flags, "get"]


def test_the_library_s_thousand_classes_are_not_imported(files: str) -> None:
    code = "import sys; from kubectl_netns.client import kubeconfig, kubectl; kubeconfig.connect(kubectl.Connection(), 1)\n"
    code += "print(*(name for name in sys.modules if name.startswith('kubernetes.')))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "kubernetes.config.kube_config" in result.stdout and not {"models", "api", "dynamic"} & set(result.stdout.replace(".", " ").split())


def test_what_only_oidc_and_proxies_need_is_imported_when_they_do(files: str) -> None:
    """Also afterwards an import gives the real modules, and the package finds the exception that it catches."""
    code = """
import sys
from kubectl_netns.client import kubeconfig, kubectl, lean
kubeconfig.connect(kubectl.Connection(), 1)
late = {"requests", "requests.utils", "oauthlib", "oauthlib.oauth2", "requests_oauthlib"}
print(late & set(sys.modules))
from kubernetes.client import rest
from kubernetes.config import kube_config
print(rest.should_bypass_proxies("http://a.b", no_proxy="b"), rest.should_bypass_proxies("http://a.b", no_proxy="c"))
print(kube_config.oauthlib.oauth2.rfc6749.errors.InvalidClientIdError.__mro__[-2].__name__)
print(type(kube_config.OAuth2Session("us")).__module__)
import requests, oauthlib
with lean._put_off():
    pass
assert sys.modules["requests"] is requests
print(requests.__name__, bool(requests.__version__), bool(oauthlib.__version__))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split("\n")[:-1] == [
        "set()", "True False", "BaseException", "requests_oauthlib.oauth2_session", "requests True True",
    ], result.stderr  # fmt: skip


def test_an_oidc_token_that_has_run_out_is_renewed(tmp_path: Path) -> None:
    root = Path(kubeconfig.__file__).parents[2]
    assert oidc.renewed([sys.executable], tmp_path, root) == f"Bearer {oidc.RENEWED}"
