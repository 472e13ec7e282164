"""What is asked of the API server, as plain JSON: the model classes of `kubernetes` cost most of a second to import.

`kubeconfig.py` opens the way, with TLS and credentials; here only urllib3 is used, which it brings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import ClusterError, NetnsError, NoPodError, NotFoundError, RefusedError, UsageError

Object = dict[str, Any]
PAGE = 500
CONNECT_TIMEOUT = 5.0
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
MERGE_PATCH = {**JSON, "Content-Type": "application/merge-patch+json"}
NOT_YET = ("container not found", "pod does not exist", "does not have a host assigned")  # kubelet, kubelet, API server
CONNECTING = re.compile(r"^(<[^>]*>|\w+\(host=[^)]*\)): ")


@dataclass(frozen=True)
class Refused(Exception):
    """An HTTP status of 400 or more, as the API server's Status object explains it."""

    status: int
    message: str


class Cluster:
    """One API server. Every method raises NetnsError when it cannot be reached or refuses, and gives plain JSON objects.

    `namespace` is the one that the user works in (-n, else the context's), `home` the context's own.
    `proxy` is what an error tells of the way there.
    """

    def __init__(
        self, http: Any, host: str, headers: Sequence[tuple[str, str]], namespace: str, home: str, timeout: float, proxy: str = ""
    ) -> None:
        self._http = http
        self._host = host
        self._proxy = proxy
        self._headers = headers
        self._timeout = timeout
        self.namespace = namespace
        self.home = home

    def pod(self, namespace: str, name: str) -> Object:
        try:
            return self._get(_pods(namespace, name))
        except Refused as error:
            if error.status == 404:
                raise NoPodError(name, f'no pod "{name}" in namespace "{namespace}"') from error
            raise _explained(error, f"get pod {namespace}/{name}") from error

    def pods(self, namespace: str | None, **selectors: str) -> Iterator[Object]:
        """Pods of one namespace or of all (None), by fieldSelector or labelSelector, read in pages."""
        return self._pages(_pods(namespace) if namespace else "/api/v1/pods", selectors, "list pods")

    def _pages(self, path: str, selectors: dict[str, str], what: str) -> Iterator[Object]:
        query = {"limit": str(PAGE), **selectors}
        while True:
            try:
                page = self._get(path, query)
            except Refused as error:
                if error.status == 400 and "labelSelector" in selectors:
                    raise UsageError(f'the selector "{selectors["labelSelector"]}" makes no sense: {error.message}') from error
                raise _explained(error, what) from error
            yield from page.get("items", [])
            if not (following := page.get("metadata", {}).get("continue")):
                return
            query["continue"] = following

    def node(self, name: str) -> Object:
        try:
            return self._get(f"/api/v1/nodes/{quote(name, safe='')}")
        except Refused as error:
            if error.status == 404:
                raise NotFoundError(f'no node "{name}"') from error
            raise _explained(error, f"get node {name}") from error

    def nodes(self) -> Iterator[Object]:
        """All nodes, read in pages."""
        return self._pages("/api/v1/nodes", {}, "list nodes")

    def watch_pod(self, namespace: str, name: str, seconds: float) -> Iterator[Object]:
        """The pod now (where it exists), and again at each change, for at most so many seconds."""
        query = {"fieldSelector": f"metadata.name={name}", "watch": "1", "timeoutSeconds": str(max(1, int(seconds)))}
        try:
            reply = self._request("GET", _pods(namespace), query, stream=True, timeout=seconds + 1)
        except Refused as error:
            raise _explained(error, f"watch pod {namespace}/{name}") from error
        try:
            for line in _lines(reply):
                event = json.loads(line)
                if event.get("type") == "DELETED":  # one that was deleted without grace does not say so itself
                    event["object"].setdefault("metadata", {}).setdefault("deletionTimestamp", "now")
                if event.get("type") in ("ADDED", "MODIFIED", "DELETED"):
                    yield event["object"]
        except (OSError, ValueError, self._errors()) as error:
            raise ClusterError(f"watching pod {namespace}/{name} broke off: {error}") from error
        finally:
            reply.close()

    def may(self, verb: str, resource: str, subresource: str = "", namespace: str | None = None) -> bool:
        """Whether this user is allowed to (SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "resource": resource, "subresource": subresource, "namespace": namespace or ""}
        api = "authorization.k8s.io/v1"
        body = {"apiVersion": api, "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
        try:
            reply = self._request("POST", f"/apis/{api}/selfsubjectaccessreviews", body=body)
            return bool(json.loads(reply.data)["status"]["allowed"])
        except Refused as error:
            raise _explained(error, "review access") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"{self._host} reviewed access in words that make no sense") from error

    def lease_age(self, node: str) -> float | None:
        """Seconds since the node's kubelet renewed its lease, by the server's clock; None where that cannot be told."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{quote(node, safe='')}"
        try:
            reply = self._request("GET", path)
            renewed = datetime.fromisoformat(json.loads(reply.data)["spec"]["renewTime"].replace("Z", "+00:00"))
            return (parsedate_to_datetime(reply.headers["Date"]) - renewed).total_seconds()
        except (Refused, ValueError, KeyError, TypeError, AttributeError):
            return None

    def runs(self, namespace: str, name: str, container: str) -> bool:
        """Whether something can be run in a container; False only where its kubelet says: not yet.

        The kubelet knows that up to a second before it tells the API server. It is asked with an exec whose SPDY handshake lacks
        X-Stream-Protocol-Version, which it refuses after it has looked for the container (kubelet 1.20, and apimachinery's
        httpstream.Handshake to this day): nothing is run. Any other answer is no reason not to try.
        """
        query = {"container": container, "command": "true", "stdout": "true"}
        upgrade = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
        try:
            self._request("POST", f"{_pods(namespace, name)}/exec", query, stream=True, headers=upgrade).close()
        except Refused as refused:
            return not any(words in refused.message for words in NOT_YET)
        except ClusterError:
            pass
        return True

    def patch_pod(self, namespace: str, name: str, body: Object) -> None:
        """A merge patch. With metadata.uid in it, it is refused where another pod has this name by now."""
        try:
            self._request("PATCH", _pods(namespace, name), body=body, headers=MERGE_PATCH).read()
        except Refused as error:
            raise _explained(error, f"patch pod {namespace}/{name}") from error

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Delete at once the pod that has this UID; that it is gone, or another by now, is no error."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        try:
            self._request("DELETE", _pods(namespace, name), body=body).read()
        except Refused as error:
            if error.status not in (404, 409):
                raise _explained(error, f"delete pod {namespace}/{name}") from error

    def _get(self, path: str, query: dict[str, str] | None = None) -> Object:
        reply = self._request("GET", path, query)
        try:
            value: Object = json.loads(reply.data)
        except ValueError as error:
            raise ClusterError(f"{self._host} answered something that is not JSON: is it a Kubernetes API server?") from error
        return value

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        stream: bool = False,
        timeout: float | None = None,
        headers: Mapping[str, str] = JSON,
    ) -> Any:
        import urllib3

        try:
            reply = self._http.request(
                method,
                self._host + path + (f"?{urlencode(query)}" if query else ""),
                body=json.dumps(body) if body else None,
                headers=urllib3.HTTPHeaderDict([*self._headers, *headers.items()]),
                preload_content=not stream,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout or self._timeout),
                retries=urllib3.Retry(connect=1, read=0, redirect=0, other=0),
            )
        except self._errors() as error:
            raise self._unreachable(_reason(error)) from error
        if reply.status >= 400:
            raise Refused(reply.status, _message(reply.read(1 << 16) if stream else reply.data))
        return reply

    def _unreachable(self, reason: str) -> ClusterError:
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            hint = "certificate-authority in the kubeconfig, or --certificate-authority, says whom to trust"
        elif self._proxy:
            hint = "check the proxy: the kubeconfig's proxy-url, or HTTPS_PROXY and NO_PROXY"
        else:
            hint = "check the address and the network, or choose another cluster with --context"
        way = f" through the proxy {self._proxy}" if self._proxy else ""
        return ClusterError(f"the cluster at {self._host} cannot be reached{way}: {reason}", hint)

    @staticmethod
    def _errors() -> type[Exception]:
        import urllib3

        return urllib3.exceptions.HTTPError


def _pods(namespace: str, name: str = "") -> str:
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
    return f"{path}/{quote(name, safe='')}" if name else path


def _lines(reply: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in reply.stream(1 << 16, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data[:200].decode(errors="replace").strip()


def _reason(error: Exception) -> str:
    """urllib3 wraps the cause in layers, of which the innermost says what happened; before it stands what was connecting."""
    reason: object = getattr(error, "reason", None) or error
    inner = getattr(reason, "original_error", None)  # of a proxy that cannot be reached
    text = CONNECTING.sub("", str(inner or reason))
    return f"{reason.args[0]}: {text}" if isinstance(reason, Exception) and inner else text


def _explained(error: Refused, what: str) -> NetnsError:
    if error.status == 401:
        return RefusedError(f"the cluster does not know you: {error.message}", "your kubeconfig's credentials may have expired")
    if error.status == 403:
        return RefusedError(f"the cluster does not let you {what}: {error.message}", "ask for the role in the README")
    return ClusterError(f"the cluster could not {what}: {error.message} (HTTP status {error.status})")
