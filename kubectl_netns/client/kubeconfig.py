"""Read the kubeconfig as kubectl does, and open the way to its API server. The only user of `kubernetes`.

The package knows certificates, tokens, credential plug-ins and a pod's service account; what it lacks is done here: kubectl's own
flags, its choice of the current context (of several files the first that names one; the package takes the last), files that are
empty, impersonation; in `proxies.py`, proxies. What is chosen must be what the kubectl that we call chooses.
Traps: what a credential plug-in fails of the package only logs, and goes on as nobody; and each time that it gives the token it
writes the kubeconfig's server and certificates again.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import ClusterError
from . import lean, proxies
from .background import Background
from .cluster import Cluster
from .kubectl import Connection

DEFAULT = "~/.kube/config"
PATIENCE = 60.0
TOKEN = "!#$&'*+-.^_`|~"  # in a header's name, besides letters and digits (RFC 9110); client-go escapes the rest, and %
CONNECTIONS = 64  # kept open: two for each node that is asked at the same time


class _Complaints(logging.Handler):
    """What the package logs instead of raising it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def connect(connection: Connection, timeout: float, patience: float = PATIENCE) -> Cluster:
    """Raises ClusterError when there is no kubeconfig, it is unusable, or its credentials take longer than `patience` seconds.

    `timeout` is for each request afterwards.
    """
    opening = Background(lambda: _open(connection, timeout))
    if not opening.done(patience):
        hint = "run `kubectl get nodes` first, which lets you log in, or give it longer with --timeout"
        raise ClusterError(f"the kubeconfig's credential plug-in did not answer within {patience:.0f} s", hint)
    return opening.result()


def _open(connection: Connection, timeout: float) -> Cluster:
    lean.load()
    import urllib3
    import yaml
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.config import ConfigException

    configuration: Any = Configuration()
    if connection.kubeconfig and not os.path.exists(connection.kubeconfig):
        raise ClusterError(f'no usable kubeconfig: there is no file "{connection.kubeconfig}"', "--kubeconfig names it")
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        choice = _choose(connection, configuration)
    except ConfigException as error:
        hint = "name one with --kubeconfig or KUBECONFIG; `kubectl config get-contexts` lists the contexts of the current one"
        raise ClusterError(f"no usable kubeconfig: {error}", hint) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ClusterError(f"no usable kubeconfig: {error}") from error
    except (TypeError, KeyError, AttributeError) as error:  # the package takes a kubeconfig's shape on trust
        raise ClusterError(f"no usable kubeconfig: it is malformed ({type(error).__name__}: {error})") from error
    finally:
        logging.getLogger().removeHandler(complaints)
    if complaints.said and not connection.token:
        hint = "`kubectl get nodes` shows whether kubectl gets them"
        raise ClusterError(f"the kubeconfig's credentials cannot be had: {complaints.said[0]}", hint)
    headers = [(one["key"], one["value"]) for one in configuration.auth_settings().values() if one["in"] == "header"]
    headers = [("authorization", f"Bearer {connection.token}")] if connection.token else headers
    _override(configuration, connection)
    if "://" not in configuration.host:
        configuration.host = f"http://{configuration.host}"  # kubectl's choice, whatever certificates there are
    configuration.connection_pool_maxsize = CONNECTIONS
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each failed attempt; the last one is told by `cluster.py`
    if not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # as asked for
    configuration.proxy = None  # the package's choice: the next lines' counts
    http = RESTClientObject(configuration).pool_manager
    proxy = proxies.proxy_for(configuration.host, choice.cluster)
    if proxy:
        http = proxies.through(proxy, http)
    if configuration.host.startswith("http://"):
        headers = []  # kubectl too keeps its credentials to itself without TLS
    headers += _impersonation(connection, choice.user)
    way = proxies.shown(proxy) if proxy else ""
    namespace = connection.namespace or choice.namespace
    sent = [(name, _sendable(name, value)) for name, value in headers]
    return Cluster(http, configuration.host.rstrip("/"), sent, namespace, choice.namespace, timeout, way)


@dataclass(frozen=True)
class _Choice:
    """What the package does not heed of a kubeconfig's cluster and user; the namespace to work in without -n."""

    namespace: str = "default"
    cluster: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)


def _choose(connection: Connection, configuration: Any) -> _Choice:
    """Fill in the server and its credentials: of the kubeconfig's context, of --server alone, of the pod that we run in."""
    from kubernetes.config import kube_config

    package: Any = kube_config

    class Merger(package.KubeConfigMerger):  # type: ignore[misc]
        def load_config(self, path: str) -> None:
            if any(line.strip() and not line.startswith("#") for line in Path(path).read_text().splitlines()):
                super().load_config(path)

    merger = Merger(connection.kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT)
    merged = merger.config.value if merger.config else {}
    context = _context(connection, merged, list(merger.config_files.values()))
    if context:
        package.KubeConfigLoader(config_dict=merger.config, active_context=context["name"]).load_and_set(configuration)
        chosen = context["context"]
        cluster, user = ((_named(merged, f"{kind}s", chosen.get(kind)).get(kind) or {}) for kind in ("cluster", "user"))
        return _Choice(chosen.get("namespace") or "default", cluster, user)
    if connection.server:
        configuration.host = connection.server
        return _Choice()
    return _Choice(_service_account(connection, configuration))


def _service_account(connection: Connection, configuration: Any) -> str:
    """Go on as the pod that we run in, as kubectl does where no file names a context; its namespace.

    kubectl 1.32 does not where it is told to be somebody else: it then tries localhost:8080, or refuses.
    """
    from kubernetes.config import incluster_config as pod

    variables = (pod.SERVICE_HOST_ENV_NAME, pod.SERVICE_PORT_ENV_NAME)
    if not all(map(os.environ.get, variables)) or not os.path.isfile(pod.SERVICE_TOKEN_FILENAME):
        hint = "name one with --kubeconfig, KUBECONFIG or --context; `kubectl config get-contexts` lists them"
        raise ClusterError("no usable kubeconfig: there is none, or it has no current context", hint)
    if any((connection.cluster, connection.user, connection.as_user, connection.as_uid, *connection.as_groups)):
        hint = "with a kubeconfig, `current-context` in it, both work"
        raise ClusterError("the service account of this pod can neither impersonate others nor choose --user or --cluster", hint)
    pod.load_incluster_config(configuration)
    file = Path(pod.SERVICE_TOKEN_FILENAME).with_name("namespace")
    return os.environ.get("POD_NAMESPACE") or (file.read_text().strip() if file.is_file() else "") or "default"


def _context(connection: Connection, merged: Any, files: list[Any]) -> dict[str, Any]:
    """The context in use, with --cluster and --user put into it; {} where none is named."""
    name = connection.context or next((file["current-context"] for file in files if file.get("current-context")), None)
    if not name:
        return {}
    context = _named(merged, "contexts", name)
    if not context:
        known = ", ".join(str(one["name"]) for one in merged.get("contexts") or [])
        raise ClusterError(f'the kubeconfig has no context "{name}"', f"it has {known}" if known else None)
    for kind, chosen in (("cluster", connection.cluster), ("user", connection.user)):
        if chosen:
            if not _named(merged, f"{kind}s", chosen):
                known = ", ".join(str(one["name"]) for one in merged.get(f"{kind}s") or [])
                raise ClusterError(f'the kubeconfig has no {kind} "{chosen}"', f"it has {known}" if known else None)
            context["context"][kind] = chosen
    return context


def _named(merged: Any, kind: str, name: str | None) -> dict[str, Any]:
    """An entry of a kubeconfig's list, as a plain dictionary; {} where there is none."""
    for entry in merged.get(kind) or []:
        if entry["name"] == name:
            found: dict[str, Any] = getattr(entry, "value", entry)
            return found
    return {}


def _override(configuration: Any, connection: Connection) -> None:
    """kubectl's flags go before what the kubeconfig says."""
    given = {"host": connection.server, "ssl_ca_cert": connection.certificate_authority,
             "cert_file": connection.client_certificate, "key_file": connection.client_key,
             "tls_server_name": connection.tls_server_name}  # fmt: skip
    for name, value in given.items():
        if value is not None:
            setattr(configuration, name, value)
    if connection.insecure_skip_tls_verify:
        configuration.verify_ssl = False
        configuration.ssl_ca_cert = None


def _impersonation(connection: Connection, user: dict[str, Any]) -> list[tuple[str, str]]:
    """From the flags, else from the kubeconfig's user (as, as-uid, as-groups, as-user-extra), as kubectl has it."""
    flagged = connection.as_user is not None
    name = connection.as_user if flagged else user.get("as")
    groups = connection.as_groups if flagged or connection.as_groups else tuple(user.get("as-groups") or ())
    uid = connection.as_uid if flagged or connection.as_uid else user.get("as-uid")
    extra = {} if flagged else user.get("as-user-extra") or {}
    headers = [("Impersonate-User", str(name))] if name else []
    headers += [("Impersonate-Group", str(group)) for group in groups]
    headers += [("Impersonate-Uid", str(uid))] if uid else []
    extras = [(quote(str(key), safe=TOKEN), values) for key, values in extra.items()]
    return headers + [(f"Impersonate-Extra-{key}", str(value)) for key, values in extras for value in values]


def _sendable(name: str, value: str) -> str:
    """As the bytes that kubectl sends, UTF-8, for a library that writes Latin-1. Raises ClusterError of what Go does not send."""
    if any(character < " " or character == "\x7f" for character in value.replace("\t", " ")):
        raise ClusterError(f"no usable kubeconfig: a line break or control character is in what is to be sent as {name}")
    return value.encode(errors="surrogateescape").decode("latin-1")
