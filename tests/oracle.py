"""What others say of the same namespace, in the words of our JSON contract, and where we differ on purpose.

`ip -j -d -s addr` is the oracle for interfaces. Differences, all of them:
- `state`: iproute2 prints the kernel's operstate, which is our `operstate`; ours resolves UNKNOWN by the flags.
- `mac` of a loopback is null with us and 00:… there.
- iproute2 6.1 does not know who made an address (IFA_PROTO), our `protocol`.
- iproute2 adds M-DOWN to the kernel's flags where the link underneath is not up; ours are the kernel's (`-o ip` adds it too).
- counters may move between two readings, so only namespaces in which nothing talks are compared in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Command = Callable[[list[str]], str]
COUNTERS = ("bytes", "packets", "errors", "dropped")
FLAGS = ("nodad", "optimistic", "dadfailed", "deprecated", "tentative", "temporary", "mngtmpaddr", "noprefixroute")


def interfaces(command: Command, counters: bool = False) -> list[dict[str, Any]]:
    """The namespace in which `command` runs things, as iproute2 sees it."""
    links = json.loads(command(["ip", "-j", "-d", "-s", "addr"]))
    return [_interface(link, counters) for link in sorted(links, key=lambda link: link["ifindex"])]


def ours(described: list[dict[str, Any]], counters: bool = False) -> list[dict[str, Any]]:
    """Our interfaces cut down to what the oracle knows."""
    return [_ours(one, counters) for one in described]


def namespaces(command: Command) -> set[int]:
    """The inodes of the network namespaces that a process is in, as lsns sees them.

    It prints nothing, and exits with 1, when a namespace goes while it looks (3 of 300 times where others come and go): it is asked
    again.
    """
    said = next(filter(None, (command(["lsns", "-J", "-t", "net", "-o", "NS"]) for _ in range(5))))
    return {int(one["ns"]) for one in json.loads(said)["namespaces"]}


def _interface(link: dict[str, Any], counters: bool) -> dict[str, Any]:
    loopback = link["link_type"] == "loopback"
    facts = {
        "index": link["ifindex"], "name": link["ifname"], "mtu": link["mtu"],
        "flags": [flag for flag in link["flags"] if flag != "M-DOWN"],
        "kind": link.get("linkinfo", {}).get("info_kind", "loopback" if loopback else "physical"),
        "mac": None if loopback else link.get("address"), "altnames": link.get("altnames", []),
        "alias": link.get("ifalias"), "operstate": link["operstate"].lower(), "linkType": link["link_type"],
        "broadcast": link.get("broadcast"), "qdisc": link.get("qdisc"), "queueLength": link.get("txqlen", 0),
        "group": link.get("group"), "master": link.get("master"), "linkNsid": link.get("link_netnsid"),
        "addresses": [_address(one) for one in link["addr_info"]],
    }  # fmt: skip
    if counters:
        facts["statistics"] = {way + one.capitalize(): link["stats64"][way][one] for way in ("rx", "tx") for one in COUNTERS}
    return facts


def _address(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "family": one["family"], "address": one["local"], "prefixLength": one["prefixlen"], "scope": one["scope"],
        "peer": one.get("address"), "broadcast": one.get("broadcast"), "label": one.get("label"),
        "permanent": not one.get("dynamic", False), "flags": sorted(flag for flag in FLAGS if one.get(flag)),
        "validLifetime": None if one["valid_life_time"] == 0xFFFFFFFF else one["valid_life_time"],
    }  # fmt: skip


def _ours(one: dict[str, Any], counters: bool) -> dict[str, Any]:
    keys = ("index", "name", "flags", "mtu", "kind", "mac", "altnames", "alias", "operstate", "linkType", "broadcast",
            "qdisc", "queueLength", "master", "linkNsid", *(("statistics",) if counters else ()))  # fmt: skip
    facts = {key: one[key] for key in keys}
    facts["group"] = "default" if one["group"] == 0 else str(one["group"])
    facts["addresses"] = [
        {
            **{key: address[key] for key in ("family", "address", "prefixLength", "scope", "peer", "broadcast", "label",
                                             "validLifetime")},
            "permanent": "permanent" in address["flags"],
            "flags": sorted(set(address["flags"]) & set(FLAGS)),
        }
        for address in one["addresses"]
    ]  # fmt: skip
    return facts
