"""The network between the machine and its nodes: one bridge, one network namespace and one veth a node.

The nodes get no default route: nothing that runs in them can send a packet anywhere but to this bridge.
"""

from __future__ import annotations

import json

from .places import BRIDGE, GATEWAY, PREFIX
from .processes import run


def namespace(node: str) -> str:
    return f"{PREFIX}-{node}"


def bridge_up() -> None:
    if not _exists(BRIDGE):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


def node_up(node: str, address: str) -> None:
    """The node's own namespace, with eth0 on the bridge."""
    name = namespace(node)
    if name not in _namespaces():
        run("ip", "netns", "add", name)
    if run("ip", "-n", name, "link", "show", "eth0", check=False).returncode:
        outside = f"{PREFIX}{address.rpartition('.')[2]}"
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", outside, "master", BRIDGE, "up")
        run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
    for link in ("lo", "eth0"):
        run("ip", "-n", name, "link", "set", link, "up")


def down() -> None:
    for name in _namespaces():
        if name.startswith(f"{PREFIX}-"):
            run("ip", "netns", "del", name)
    for link in json.loads(run("ip", "-j", "link").stdout):
        if link["ifname"].startswith(PREFIX):
            run("ip", "link", "del", link["ifname"], check=False)  # a veth goes with its namespace, sooner or later


def _exists(link: str) -> bool:
    return run("ip", "link", "show", link, check=False).returncode == 0


def _namespaces() -> list[str]:
    return [one["name"] for one in json.loads(run("ip", "-j", "netns").stdout or "[]")]
