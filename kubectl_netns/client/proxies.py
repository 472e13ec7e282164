"""The proxy on the way to the API server, chosen as kubectl chooses it (Go's net/http and x/net/http/httpproxy).

The kubeconfig's `proxy-url` of the cluster, whatever the environment says; else HTTPS_PROXY or, for a server without TLS,
HTTP_PROXY, unless NO_PROXY names the server or it is this machine. HTTP, HTTPS and SOCKS5 proxies; the last look up the server's
name themselves. The rules of the package `kubernetes` (no proxy-url, HTTP_PROXY also for https) are not used.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import ClusterError

HINT = "kubectl's proxies are http://, https:// and socks5://; see `proxy-url` in the kubeconfig, and HTTPS_PROXY"


def proxy_for(server: str, cluster: dict[str, Any]) -> str | None:
    """The URL of the proxy for this server, None for a direct way; `cluster` is its entry in the kubeconfig.

    Raises ClusterError for one of a kind that kubectl does not know either.
    """
    chosen = str(cluster.get("proxy-url") or "") or _of_environment(server)
    if not chosen:
        return None
    url = chosen if "://" in chosen else f"http://{chosen}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable:
        raise ClusterError(f'the proxy "{shown(url)}" cannot be used', HINT)
    return url


def through(proxy: str, direct: Any) -> Any:
    """urllib3's connections by way of a proxy, with the certificates of those that go there directly."""
    import urllib3

    shared = direct.connection_pool_kw
    if proxy.startswith("socks5"):
        from urllib3.contrib.socks import SOCKSProxyManager

        return SOCKSProxyManager(f"socks5h://{proxy.partition('://')[2]}", **shared)
    parts = urlsplit(proxy)
    headers = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=user)
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **shared)


def shown(url: str) -> str:
    """Without its user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _of_environment(server: str) -> str:
    parts = urlsplit(server)
    name = "HTTP_PROXY" if parts.scheme == "http" else "HTTPS_PROXY"
    chosen = _variable(name)
    if not chosen or _is_here(parts.hostname or ""):
        return ""
    from requests.utils import should_bypass_proxies  # 30 ms: only where there is a proxy

    return "" if should_bypass_proxies(server, no_proxy=_variable("NO_PROXY")) else chosen


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.lower()) or ""


def _is_here(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
