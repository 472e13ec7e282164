"""Read the kubeconfig as kubectl does, and open the way to its API server. The only user of `kubernetes`.

The package knows certificates, tokens and credential plug-ins; what it lacks is done here: kubectl's own flags, its choice of the
current context (of several files the first that names one; the package takes the last), impersonation; in `proxies.py`, proxies.
Traps: what a credential plug-in fails of the package only logs, and goes on as nobody; and each time that it gives the token it
writes the kubeconfig's server and certificates again.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from ..errors import ClusterError
from . import lean, proxies
from .background import Background
from .cluster import Cluster
from .kubectl import Connection

DEFAULT = "~/.kube/config"
PATIENCE = 60.0
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
    from kubernetes.config import ConfigException, kube_config

    package: Any = kube_config
    configuration: Any = Configuration()
    if connection.kubeconfig and not os.path.exists(connection.kubeconfig):
        raise ClusterError(f'no usable kubeconfig: there is no file "{connection.kubeconfig}"', "--kubeconfig names it")
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        merger = package.KubeConfigMerger(connection.kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT)
        merged = merger.config.value if merger.config else {}
        context = _context(connection, merged, list(merger.config_files.values()))
        if connection.server and not context:
            configuration.host = connection.server
            user: dict[str, Any] = {}
            cluster: dict[str, Any] = {}
        else:
            package.KubeConfigLoader(config_dict=merger.config, active_context=context["name"]).load_and_set(configuration)
            user = _named(merged, "users", context["context"].get("user")).get("user") or {}
            cluster = _named(merged, "clusters", context["context"].get("cluster")).get("cluster") or {}
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
    proxy = proxies.proxy_for(configuration.host, cluster)
    if proxy:
        http = proxies.through(proxy, http)
    home = context.get("context", {}).get("namespace") or "default"
    if configuration.host.startswith("http://"):
        headers = []  # kubectl too keeps its credentials to itself without TLS
    headers += _impersonation(connection, user)
    way = proxies.shown(proxy) if proxy else ""
    return Cluster(http, configuration.host.rstrip("/"), headers, connection.namespace or home, home, timeout, way)


def _context(connection: Connection, merged: Any, files: list[Any]) -> dict[str, Any]:
    """The context in use, with --cluster and --user put into it; {} where there is none and --server alone says where to go."""
    name = connection.context or next((file["current-context"] for file in files if file.get("current-context")), None)
    if not name:
        if connection.server:
            return {}
        hint = "name one with --kubeconfig, KUBECONFIG or --context; `kubectl config get-contexts` lists them"
        raise ClusterError("no usable kubeconfig: there is none, or it has no current context", hint)
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
    return headers + [(f"Impersonate-Extra-{key}", str(value)) for key, values in extra.items() for value in values]
