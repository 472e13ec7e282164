"""The proxy on the way to the API server, chosen as kubectl chooses it (Go's net/http and x/net/http/httpproxy).

The kubeconfig's `proxy-url` of the cluster, whatever the environment says; else HTTPS_PROXY or, for a server without TLS,
HTTP_PROXY, unless NO_PROXY names the server or it is this machine. HTTP, HTTPS and SOCKS5 proxies; the last look up the server's
name themselves. The rules of the package `kubernetes` (no proxy-url, HTTP_PROXY also for https) are not used.
"""

from __future__ import annotations

import ipaddress
import os
import string
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import ClusterError

HINT = "kubectl's proxies are http://, https:// and socks5://; see `proxy-url` in the kubeconfig, and HTTPS_PROXY"


def proxy_for(server: str, cluster: dict[str, Any]) -> str | None:
    """The URL of the proxy for this server, None for a direct way; `cluster` is its entry in the kubeconfig.

    Raises ClusterError for one of a kind that kubectl does not know either.
    """
    url = str(cluster.get("proxy-url") or "")
    if not url:
        url = _of_environment(server)
        if url and "://" not in url:  # there, and only there, it may be HOST:PORT
            url = f"http://{url}"
    if not url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable or set(url) & set(string.whitespace):
        raise ClusterError(f'the proxy "{shown(url)}" cannot be used', HINT)
    return url


def through(proxy: str, direct: Any) -> Any:
    """urllib3's connections by way of a proxy, with the certificates of those that go there directly. Raises ClusterError."""
    import urllib3

    shared = direct.connection_pool_kw
    try:
        if proxy.startswith("socks5"):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(f"socks5h://{proxy.partition('://')[2]}", **shared)
        parts = urlsplit(proxy)
        headers = None
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=user)
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **shared)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise ClusterError(f'the proxy "{shown(proxy)}" cannot be used', HINT) from error


def shown(url: str) -> str:
    """Without its user and password."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]


def _of_environment(server: str) -> str:
    parts = urlsplit(server)
    chosen = _variable("HTTP_PROXY" if parts.scheme == "http" else "HTTPS_PROXY")
    if not chosen:
        return ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return "" if _is_direct((parts.hostname or "").lower(), str(port), _variable("NO_PROXY")) else chosen


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.lower()) or ""


def _is_direct(host: str, port: str, exceptions: str) -> bool:
    """Go's httpproxy: `*`, networks, addresses and domains, the last two with a port perhaps; this machine is always one."""
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    for word in filter(None, (one.strip().lower() for one in exceptions.split(","))):
        if word == "*":
            return True
        if "/" in word:
            with suppress(ValueError):
                if address and address in ipaddress.ip_network(word, strict=False):
                    return True
            continue
        name, wanted = (word, "") if _address(word) else _host_and_port(word)
        if wanted not in ("", port):
            continue
        if address or _address(name):
            if address and address == _address(name):
                return True
            continue
        domain = name.removeprefix("*")
        if host.endswith(domain if domain.startswith(".") else f".{domain}") or host == domain:
            return True
    return False


def _host_and_port(word: str) -> tuple[str, str]:
    name, colon, port = word.rpartition(":")
    return (name.strip("[]"), port) if colon and port.isdecimal() else (word.strip("[]"), "")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
