"""What is asked of an API server, against a small HTTP server on loopback that answers as one does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from kubectl_netns.client.cluster import Cluster
from kubectl_netns.errors import ClusterError, NetnsError, NotFoundError, RefusedError, UsageError


@dataclass
class Server:
    """`answers` are given in turn: (status, body); a body that is a list is sent in these pieces."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    address: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[dict[str, str]] = field(default_factory=list)

    def cluster(self) -> Cluster:
        return Cluster(urllib3.PoolManager(), self.address, [("authorization", "Bearer x")], "shop", "home", 5.0)


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            known.asked.append((self.command, self.path, json.loads(self.rfile.read(length)) if length else None))
            known.heard.append(dict(self.headers))
            assert self.headers["Authorization"] == "Bearer x"
            status, body = known.answers.pop(0)
            self.send_response(status)
            pieces = body if isinstance(body, list) else [body if isinstance(body, bytes) else json.dumps(body).encode()]
            for name, value in known.headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in pieces:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_DELETE = do_PATCH = do_POST = answer

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.address = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield known
    http.shutdown()
    http.server_close()


def page(names: str, following: str | None = None) -> dict[str, Any]:
    return {"metadata": {"continue": following} if following else {}, "items": [{"name": name} for name in names]}


def test_lists_are_read_in_pages(server: Server) -> None:
    server.answers = [(200, page("ab", "next")), (200, page("c"))]
    assert [pod["name"] for pod in server.cluster().pods("shop", labelSelector="app=web")] == ["a", "b", "c"]
    assert [path for _, path, _ in server.asked] == [
        "/api/v1/namespaces/shop/pods?limit=500&labelSelector=app%3Dweb",
        "/api/v1/namespaces/shop/pods?limit=500&labelSelector=app%3Dweb&continue=next",
    ]


def test_pods_of_all_namespaces(server: Server) -> None:
    server.answers = [(200, page("a"))]
    assert len(list(server.cluster().pods(None, fieldSelector="spec.nodeName=n"))) == 1
    assert server.asked[0][1] == "/api/v1/pods?limit=500&fieldSelector=spec.nodeName%3Dn"


@pytest.mark.parametrize(("status", "kind", "said"), [
    (404, NotFoundError, 'no pod "web" in namespace "shop"'),
    (403, RefusedError, "does not let you get pod shop/web: because"),
    (401, RefusedError, "does not know you"),
    (500, ClusterError, "HTTP status 500"),
    (429, ClusterError, "HTTP status 429"),
])  # fmt: skip
def test_refusals(server: Server, status: int, kind: type[NetnsError], said: str) -> None:
    server.answers = [(status, {"kind": "Status", "message": "because"})]
    with pytest.raises(kind) as caught:
        server.cluster().pod("shop", "web")
    assert said in caught.value.message


def test_an_answer_that_is_not_an_api_servers(server: Server) -> None:
    server.answers = [(200, b"<html>login</html>")]
    with pytest.raises(ClusterError, match="is it a Kubernetes API server"):
        server.cluster().node("a")


@pytest.mark.parametrize(("http", "said"), [
    (urllib3.PoolManager(), ""), (urllib3.ProxyManager("http://127.0.0.1:2"), "Unable to connect to proxy: "),
], ids=["directly", "through a proxy"])  # fmt: skip
def test_nobody_answers(http: urllib3.PoolManager, said: str) -> None:
    with pytest.raises(ClusterError) as caught:
        Cluster(http, "https://127.0.0.1:1", [], "shop", "home", 5.0).node("a")
    reason = caught.value.message.partition("cannot be reached: ")[2]
    assert reason == f"{said}Failed to establish a new connection: [Errno 111] Connection refused"


def test_whether_a_container_runs_is_asked_with_a_handshake_that_lacks_a_word(server: Server) -> None:
    """What a kubelet of 1.20 answers, recorded; whatever else there may be is no reason not to try."""
    said: list[tuple[int, Any, bool]] = [
        (500, b'container not found ("netns-agent")', False), (404, b"pod does not exist", False),
        (400, {"message": "pod x does not have a host assigned"}, False),
        (400, b"unable to upgrade: X-Stream-Protocol-Version is required\n", True), (403, {"message": "forbidden"}, True),
        (502, b"<html>bad gateway</html>", True), (200, b"", True),
    ]  # fmt: skip
    for status, body, runs in said:
        server.answers = [(status, body)]
        assert server.cluster().runs("shop", "x", "netns-agent") is runs
    verb, path, _ = server.asked[0]
    assert (verb, path) == ("POST", "/api/v1/namespaces/shop/pods/x/exec?container=netns-agent&command=true&stdout=true")
    assert (server.heard[0]["Upgrade"], server.heard[0]["Connection"]) == ("SPDY/3.1", "Upgrade")
    assert "X-Stream-Protocol-Version" not in server.heard[0] and "json" not in server.heard[0].get("Accept", "")
    assert Cluster(urllib3.PoolManager(), "https://127.0.0.1:1", [], "shop", "home", 5.0).runs("shop", "x", "y") is True


@pytest.mark.parametrize(("selectors", "kind"), [
    ({"labelSelector": "a==b=c"}, UsageError), ({"fieldSelector": "spec.nodeName=a"}, ClusterError),
])  # fmt: skip
def test_a_selector_that_makes_no_sense_is_the_users(server: Server, selectors: dict[str, str], kind: type[NetnsError]) -> None:
    server.answers = [(400, {"message": "found '='"})]
    with pytest.raises(kind, match="found '='") as caught:
        list(server.cluster().pods("shop", **selectors))
    assert type(caught.value) is kind


def test_a_name_cannot_leave_its_place_in_the_path(server: Server) -> None:
    server.answers = [(404, {})]
    with pytest.raises(NotFoundError):
        server.cluster().pod("shop", "../../nodes/a?x")
    assert server.asked[0][1] == "/api/v1/namespaces/shop/pods/..%2F..%2Fnodes%2Fa%3Fx"


def test_a_watch_is_read_line_by_line_however_it_is_cut(server: Server) -> None:
    lines = b"".join(json.dumps({"type": kind, "object": {"n": n}}).encode() + b"\n"
                     for n, kind in enumerate(("ADDED", "BOOKMARK", "MODIFIED", "DELETED", "ERROR")))  # fmt: skip
    server.answers = [(200, [lines[:5], lines[5:41], lines[41:42], lines[42:]])]
    seen = list(server.cluster().watch_pod("shop", "web", 3.0))
    assert [pod["n"] for pod in seen] == [0, 2, 3]
    assert [bool(pod.get("metadata", {}).get("deletionTimestamp")) for pod in seen] == [False, False, True]
    assert "watch=1" in server.asked[0][1] and "timeoutSeconds=3" in server.asked[0][1]


def test_a_watch_that_breaks_off(server: Server) -> None:
    server.answers = [(200, [b'{"type": "ADDED", "object": {}}\nnonsense\n'])]
    with pytest.raises(ClusterError, match="broke off"):
        list(server.cluster().watch_pod("shop", "web", 3.0))


@pytest.mark.parametrize(("status", "fails"), [(200, False), (404, False), (409, False), (403, True)])
def test_only_the_pod_with_this_uid_is_deleted(server: Server, status: int, fails: bool) -> None:
    server.answers = [(status, {"message": "because"})]
    try:
        server.cluster().delete_pod("shop", "web", "the-uid")
        assert not fails
    except RefusedError:
        assert fails
    ((method, path, body),) = server.asked
    assert (method, path) == ("DELETE", "/api/v1/namespaces/shop/pods/web")
    assert (body["preconditions"], body["gracePeriodSeconds"]) == ({"uid": "the-uid"}, 0)


def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        cluster = Cluster(urllib3.PoolManager(), f"http://127.0.0.1:{silent.getsockname()[1]}", [], "shop", "home", 0.5)
        begun = time.monotonic()
        with pytest.raises(ClusterError, match="cannot be reached"):
            cluster.node("a")
        with pytest.raises(ClusterError, match="cannot be reached"):
            list(cluster.watch_pod("shop", "web", 0.2))
        assert time.monotonic() - begun < 5


def test_a_redirect_is_not_followed(server: Server) -> None:
    """It would carry our credentials to somebody else."""
    server.answers = [(302, {}), (200, {"metadata": {"name": "a"}})]
    server.headers = {"Location": f"{server.address}/elsewhere"}
    with pytest.raises(ClusterError):
        server.cluster().node("a")
    assert len(server.asked) == 1


@pytest.mark.parametrize("allowed", [True, False])
def test_what_a_user_may(server: Server, allowed: bool) -> None:
    server.answers = [(201, {"status": {"allowed": allowed}})]
    assert server.cluster().may("create", "pods", "exec", "ns") is allowed
    ((method, path, body),) = server.asked
    assert (method, path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    assert body["spec"]["resourceAttributes"] == {"verb": "create", "resource": "pods", "subresource": "exec", "namespace": "ns"}


@pytest.mark.parametrize(("status", "body", "age"), [
    (200, {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}, 70.0),
    (200, {"spec": {"renewTime": "2026-01-01T00:01:05Z"}}, 5.0),
    (200, {"spec": {}}, None), (200, {"spec": {"renewTime": None}}, None), (200, b"nonsense", None), (403, {}, None), (404, {}, None),
])  # fmt: skip
def test_a_leases_age_by_the_servers_clock(server: Server, status: int, body: Any, age: float | None) -> None:
    server.answers = [(status, body)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: "Thu, 01 Jan 2026 00:01:10 GMT")
        assert server.cluster().lease_age("a") == age
    assert server.asked[0][1] == "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a"


@pytest.mark.parametrize(("status", "fails"), [(200, False), (403, True), (409, True)])
def test_a_patch_is_a_merge_patch(server: Server, status: int, fails: bool) -> None:
    server.answers = [(status, {"message": "because"})]
    try:
        server.cluster().patch_pod("shop", "web", {"metadata": {"uid": "u"}})
        assert not fails
    except NetnsError:
        assert fails
    assert server.asked == [("PATCH", "/api/v1/namespaces/shop/pods/web", {"metadata": {"uid": "u"}})]
