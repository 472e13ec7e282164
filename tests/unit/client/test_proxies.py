"""Which proxy for which server. What can be tried against the test cluster's API server is compared with kubectl: tests/cluster."""

from __future__ import annotations

import pytest

from kubectl_netns.client.proxies import proxy_for, shown
from kubectl_netns.errors import ClusterError

BOTH = {"HTTPS_PROXY": "http://s:1", "HTTP_PROXY": "http://p:1"}


@pytest.mark.parametrize(
    ("server", "variables", "expected"),
    [
        ("https://api.example:6443", BOTH, "http://s:1"),
        ("http://api.example:8080", BOTH, "http://p:1"),
        ("http://api.example:8080", {"HTTPS_PROXY": "http://s:1"}, None),
        ("https://127.0.0.1:6443", BOTH, None),
        ("https://127.9.9.9:6443", BOTH, None),
        ("https://[::1]:6443", BOTH, None),
        ("https://localhost:6443", BOTH, None),
        ("https://localhost.example:6443", BOTH, "http://s:1"),
        ("https://api.example:6443", {**BOTH, "NO_PROXY": ".example"}, None),
        ("https://api.example:6443", {**BOTH, "no_proxy": "api.example:6443"}, None),
        ("https://api.example:6443", {**BOTH, "NO_PROXY": "other", "no_proxy": "*"}, "http://s:1"),
        ("https://api.example:6443", {}, None),
        *(
            ("https://172.30.77.1:6443", {**BOTH, "NO_PROXY": exceptions}, "http://s:1" if proxied else None)
            for exceptions, proxied in (
                ("172.30.77.1:6443", False), ("172.30.77.1:443", True), ("::ffff:172.30.77.1", False), (".30.77.1", True),
                ("77.1", True), ("172.30.0.0/16", False), ("172.31.0.0/16", True), ("nonsense/99", True), (" a ,, 172.30.77.1, ", False),
            )
        ),
        ("https://[fd00::1]:6443", {**BOTH, "NO_PROXY": "[fd00::1]:6443"}, None),
        ("https://[fd00::1]:6443", {**BOTH, "NO_PROXY": "fd00::/8"}, None),
        ("https://api.example", {**BOTH, "NO_PROXY": "api.example:443"}, None),
        ("https://api.example", {**BOTH, "NO_PROXY": "*.example"}, None),
        ("https://example", {**BOTH, "NO_PROXY": ".example"}, "http://s:1"),
        ("https://badexample", {**BOTH, "NO_PROXY": "example"}, "http://s:1"),
    ],
)
def test_the_environments(monkeypatch: pytest.MonkeyPatch, server: str, variables: dict[str, str], expected: str | None) -> None:
    """Go's httpproxy.FromEnvironment: by the server's scheme, capitals first, and never for this machine."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(server, {}) == expected


def test_the_kubeconfigs_is_for_this_machine_too() -> None:
    assert proxy_for("https://127.0.0.1:6443", {"proxy-url": "socks5://p:1"}) == "socks5://p:1"


@pytest.mark.parametrize("url", ["ftp://p", "http://", "http://p:0", "http://p:x", "http://[p", "://p", "socks4://p", "nonsense", "http://a b"])
def test_one_that_is_none(url: str) -> None:
    with pytest.raises(ClusterError, match="cannot be used"):
        proxy_for("https://a", {"proxy-url": url})


def test_a_password_is_not_shown() -> None:
    assert shown("http://me:a@b@p:1") == "http://p:1" == shown("http://p:1")
