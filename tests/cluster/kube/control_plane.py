"""etcd and kube-apiserver, in the machine's own network namespace but bound to the bridge's address only.

There is no scheduler and no controller-manager: pods name their node, and namespaces are made here. Users come from a static
token file: `admin` may do all, `operator` just what the README's manifest grants, `guest` may look at pods of one namespace.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from . import processes
from .kubernetes_build import HOME
from .places import API, DATA, GATEWAY, NAMESPACES, RESTRICTED, STATE
from .processes import run

USERS = {"admin": "system:masters", "node": "system:masters", "operator": "netns-operators", "guest": "guests"}
ETCD = f"http://{GATEWAY}:2379"


def up() -> None:
    _secrets()
    if not processes.running("etcd"):
        peers = f"http://{GATEWAY}:2380"
        processes.start("etcd", [
            "etcd", "--data-dir", str(DATA / "etcd"), "--listen-client-urls", ETCD, "--advertise-client-urls", ETCD,
            "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
            "--unsafe-no-fsync",
        ])  # fmt: skip
    if not processes.running("kube-apiserver"):
        processes.start("kube-apiserver", [
            str(HOME / "kube-apiserver"), f"--etcd-servers={ETCD}", f"--advertise-address={GATEWAY}",
            f"--bind-address={GATEWAY}", "--secure-port=6443", "--service-cluster-ip-range=10.96.0.0/16",
            f"--tls-cert-file={STATE}/tls.crt", f"--tls-private-key-file={STATE}/tls.key",
            f"--cert-dir={STATE}", f"--token-auth-file={STATE}/tokens.csv", "--authorization-mode=RBAC",
            "--service-account-issuer=https://netns.test", f"--service-account-key-file={STATE}/tls.key",
            f"--service-account-signing-key-file={STATE}/tls.key", "--disable-admission-plugins=ServiceAccount", "--enable-admission-plugins=PodSecurityPolicy",
            "--allow-privileged=true", "--kubelet-preferred-address-types=InternalIP",
            "--feature-gates=IPv6DualStack=true",
        ])  # fmt: skip
    processes.wait("a healthy API server", healthy, 60, "kube-apiserver")
    _objects()


def down() -> None:
    processes.end("kube-apiserver")
    processes.end("etcd")


def healthy() -> bool:
    try:
        return _request("GET", "/readyz")[0] == 200
    except OSError:
        return False


def kubeconfig(user: str) -> Path:
    return STATE / f"{user}.kubeconfig"


def _secrets() -> None:
    """A certificate that signs itself, a token a user, a kubeconfig a user."""
    if kubeconfig("guest").exists():
        return
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=netns-test",
        "-addext", f"subjectAltName=IP:{GATEWAY}", "-keyout", STATE / "tls.key", "-out", STATE / "tls.crt")  # fmt: skip
    tokens = {user: secrets.token_hex(16) for user in USERS}
    lines = [f'{tokens[user]},{user},{user},"{group}"\n' for user, group in USERS.items()]
    (STATE / "tokens.csv").touch(mode=0o600)
    (STATE / "tokens.csv").write_text("".join(lines))
    authority = base64.b64encode((STATE / "tls.crt").read_bytes()).decode()
    for user in USERS:
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "netns-test",
            "clusters": [{"name": "netns-test", "cluster": {"server": API, "certificate-authority-data": authority}}],
            "users": [{"name": user, "user": {"token": tokens[user]}}],
            "contexts": [{"name": "netns-test", "context": {"cluster": "netns-test", "user": user}}],
        }  # fmt: skip
        unfinished = kubeconfig(user).with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(config, indent=1))
        os.replace(unfinished, kubeconfig(user))


def _request(method: str, path: str, body: object = None) -> tuple[int, bytes]:
    config = json.loads(kubeconfig("admin").read_text())
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(API + path, method=method, headers=headers, data=data)
    context = ssl.create_default_context(cafile=str(STATE / "tls.crt"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _objects() -> None:
    """Namespaces and roles. What is there already (409) stays."""
    for name in (*NAMESPACES, RESTRICTED):
        _create("/api/v1/namespaces", {"metadata": {"name": name}})
    run("kubectl", f"--kubeconfig={kubeconfig('admin')}", "apply", "--validate=false", "-f", "-", input=readme_manifest())
    pods = {"apiGroups": [""], "resources": ["pods"]}
    _policies()
    _grant("netns-guest", None, [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}], "guest")
    _grant("netns-guest", "default", [{**pods, "verbs": ["get", "list", "watch"]}], "guest")


def _policies() -> None:
    """Pod security policies: privileged pods for everybody who may make pods, but not in the namespace RESTRICTED."""
    anything = {"rule": "RunAsAny"}
    rules = {"seLinux": anything, "runAsUser": anything, "supplementalGroups": anything, "fsGroup": anything, "volumes": ["*"]}
    free = {"privileged": True, "hostNetwork": True, "hostPID": True, "hostIPC": True, "allowedCapabilities": ["*"],
            "hostPorts": [{"min": 0, "max": 65535}]}  # fmt: skip
    for name, spec in (("privileged", {**rules, **free}), ("restricted", {**rules, "privileged": False})):
        _create("/apis/policy/v1beta1/podsecuritypolicies", {"metadata": {"name": name}, "spec": spec})
    for namespace in (*NAMESPACES, RESTRICTED, "default"):
        name = "restricted" if namespace == RESTRICTED else "privileged"
        rule = {"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "resourceNames": [name], "verbs": ["use"]}
        _grant(f"psp-{name}", namespace, [rule], "operator")
    _grant("netns-agents", RESTRICTED, [{"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["*"]}], "operator")


def readme_manifest() -> str:
    """The one YAML block of the README: the rights that the `operator` has are those that it promises to be enough."""
    return (Path(__file__).parents[3] / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]


def _grant(name: str, namespace: str | None, rules: list[dict[str, object]], user: str) -> None:
    scope = f"namespaces/{namespace}/" if namespace else ""
    prefix = "" if namespace else "Cluster"
    base = f"/apis/rbac.authorization.k8s.io/v1/{scope}{prefix.lower()}"
    _create(f"{base}roles", {"metadata": {"name": name}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{prefix}Role", "name": name}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    _create(f"{base}rolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


def _create(path: str, body: object) -> None:
    status, reply = _request("POST", path, body)
    if status not in (201, 409):
        raise processes.Trouble(f"the API server refused {path}: {reply[:300]!r}")
