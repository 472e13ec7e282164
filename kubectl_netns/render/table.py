"""Facts as cards and tables for people. The only user of `tabulate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model import Address, Interface, Match, NetworkNamespace, Pod, Tunnel
from . import contents
from .safe import safe

SHORT_ID = 12
LINK_LOCAL = 10
LISTED = 4
LONGEST_ALIGNED = 40
NOTHING = "-"
IDENTIFIERS = ("sandbox", "container", "network")
NAMED = "/run/netns/"


def prepare() -> None:
    """Import what the tables are made with, 15 ms, which help need not wait for: best while something else is waited for."""
    import tabulate  # noqa: F401


def cards(items: Iterable[NetworkNamespace], wide: bool) -> str:
    return "\n\n".join(card(item, wide) for item in items)


def card(item: NetworkNamespace, wide: bool = False) -> str:
    """One namespace: who, where, what holds it, then its interfaces with their host side."""
    head = _head([(label, first, rest) for label, first, rest in _facts(item, wide) if first or rest])
    notes = [f"! {safe(warning.message)}" for warning in item.warnings]
    if item.pod and item.role == "host":
        sure = "This pod uses the node's own network: t" if item.verdict == "owned" else "T"
        notes.insert(0, f"{sure}hese are the node's interfaces.")
    parts = [head, _interfaces(item.interfaces, wide), *contents.sections(item, columns), "\n".join(notes)]
    return "\n\n".join(filter(None, parts))


def _head(rows: Sequence[tuple[str, str, str]]) -> str:
    """In columns, but a long one (a path) does not push the others' notes out of a terminal's 80 columns."""
    width = max((len(first) for _, first, _ in rows if len(first) <= LONGEST_ALIGNED), default=0)
    return "\n".join(f"{label:<9}  {first:<{width}}  {rest}".rstrip() for label, first, rest in rows)


def _facts(item: NetworkNamespace, wide: bool) -> list[tuple[str, str, str]]:
    sandbox, namespace = item.sandbox, item.namespace
    runtime = " ".join(filter(None, (sandbox.runtime, sandbox.runtime_version))) if sandbox else ""
    node = item.node or "this machine"
    rows = [
        ("Pod", owner(item), " ".join(item.pod.ips)) if item.pod else ("Owner", owner(item), ""),
        ("Node", node, ", ".join(filter(None, (runtime, item.platform)))),
    ]
    if sandbox:
        pid = f"pause pid {sandbox.pid}" if sandbox.pid else "no pause process"
        attempt = f", attempt {sandbox.attempt}" if sandbox.attempt else ""
        inferred = ", inferred from its cgroup" if sandbox.source == "cgroup" else ""
        rows.append(("Sandbox", _short(sandbox.id, wide), f"{sandbox.state}, {pid}{attempt}{inferred}"))
        if sandbox.network_id:
            rows.append(("Network", _short(sandbox.network_id, wide), "Docker's NetworkSettings.SandboxID"))
    nsid = f", nsid {namespace.nsid}" if namespace.nsid is not None else ""
    rows.append(("Namespace", namespace.path or NOTHING, f"{_inode(item)}{nsid if wide else ''}"))
    if wide:
        rows.append(("Held by", " ".join(namespace.held_by) or NOTHING, " ".join(namespace.names)))
    rows += [("Found by", f"{match.kind} {_value(match, wide)}", match.detail or "") for match in item.found_by]
    if wide or item.verdict != "owned":
        rows.append(("Verdict", item.verdict, item.reason or ""))
    return [(label, safe(first), safe(rest)) for label, first, rest in rows]


def _interfaces(interfaces: Sequence[Interface], wide: bool) -> str:
    headers = ["#", "NAME", "KIND", "STATE", "MTU", "MAC", "ADDRESSES", "HOST SIDE"]
    if wide:
        headers += ["RX BYTES", "RX PACKETS", "RX ERRORS", "RX DROPPED", "TX BYTES", "TX PACKETS", "TX ERRORS", "TX DROPPED"]
    return columns(headers, [[*_link(one, wide), *(_counters(one) if wide else [])] for one in interfaces])


def _link(one: Interface, wide: bool) -> list[object]:
    addresses = " ".join(_address(address, wide) for address in one.addresses)
    return [one.index, safe(one.name), safe(one.kind), one.state, one.mtu, one.mac or NOTHING, addresses or NOTHING,
            other_side(one)]  # fmt: skip


def _all_links(item: NetworkNamespace) -> list[list[object]]:
    """What has no interfaces, as a stale name, has a line all the same."""
    return [_link(one, wide=True) for one in item.interfaces] or [[NOTHING] * 8]


def _address(address: Address, wide: bool) -> str:
    """An IPv6 link-local address is long and says little: it is shortened, unless the reader wants it wide."""
    text = address.address
    if not wide and address.family == "inet6" and address.scope == "link" and len(text) > LINK_LOCAL:
        text = text[:LINK_LOCAL].rstrip(":") + "…"
    return f"{text}/{address.prefix_length}"


def _counters(one: Interface) -> list[object]:
    if (s := one.statistics) is None:
        return [NOTHING] * 8
    return [s.rx_bytes, s.rx_packets, s.rx_errors, s.rx_dropped, s.tx_bytes, s.tx_packets, s.tx_errors, s.tx_dropped]


def other_side(one: Interface) -> str:
    """Where the interface leads: its peer and the peer's bridge, what it sits on, or the far end of its tunnel."""
    if one.peer:
        if one.peer.name is None:
            return f"index {one.peer.index}, not found" if one.peer.on_host else f"index {one.peer.index} in another namespace"
        elsewhere = f"net:[{one.peer.inode}]" if one.peer.inode is not None else f"the namespace with nsid {one.peer.nsid}"
        where = "" if one.peer.on_host else f" in {elsewhere}"
        bridge = f" on {one.peer.master}" if one.peer.master else ""
        bridge += f" by route {one.peer.routes[0]}" if one.peer.routes else ""
        return safe(f"{one.peer.name} ({one.peer.index}){bridge}{where}")
    if one.parent:
        setting = next((str(word) for word in (one.vlan_id, one.mode) if word is not None), None)
        return safe(" ".join(filter(None, (one.kind, setting, "of", one.parent))))
    if one.tunnel:
        return safe(_tunnel(one.kind, one.tunnel))
    return safe(f"on {one.master}") if one.master else NOTHING


def _tunnel(kind: str, tunnel: Tunnel) -> str:
    """`vxlan 7 to 10.9.9.1 port 4789`; a WireGuard device has its peers instead of one far end."""
    if tunnel.peers:
        return f"{kind} port {tunnel.port} to {' '.join(peer.endpoint or 'unknown' for peer in tunnel.peers)}"
    identifier = [str(tunnel.identifier)] if tunnel.identifier is not None else []
    remote = ["to", tunnel.remote] if tunnel.remote else []
    port = ["port", str(tunnel.port)] if tunnel.port else []
    return " ".join([kind, *identifier, *remote, *port])


def listing(items: Sequence[NetworkNamespace], wide: bool) -> str:
    """Many namespaces, a line each; wide: a line for each of their interfaces; a card each where their insides were asked for."""
    if any(contents.asked_for(item) for item in items):
        return cards(items, wide)
    nodes = len({item.node for item in items}) > 1
    if wide:
        headers = ["INODE", "ROLE", "OWNER", "VERDICT", "HELD BY", "PID", "PATH", "#", "NAME", "KIND", "STATE", "MTU", "MAC",
                   "ADDRESSES", "OTHER SIDE", "WHY"]  # fmt: skip
        lines = [(item, link) for item in items for link in [_link(one, wide) for one in item.interfaces] or [[NOTHING] * 8]]
        rows = [
            [*_identity(item), item.verdict, _held(item), _pid(item), safe(item.namespace.path or ""), *link,
             safe(item.reason or "")]
            for item, link in lines
        ]  # fmt: skip
        owners = [item for item, _ in lines]
    else:
        headers = ["INODE", "ROLE", "OWNER", "VERDICT", "HELD BY", "PID", "INTERFACES", "ADDRESSES"]
        rows = [[*_identity(item), item.verdict, _held(item), _pid(item), _links(item), _addresses(item)] for item in items]
        owners = list(items)
    if any(item.found_by for item in items):
        headers.append("FOUND BY")
        rows = [[*row, _found_by(item, wide)] for item, row in zip(owners, rows)]
    if any(_names(item) for item in owners):
        headers = [*headers, "ALSO CALLED"]
        rows = [[*row, safe(_names(item))] for item, row in zip(owners, rows)]
    if nodes:
        headers = ["NODE", *headers]
        rows = [[safe(item.node or NOTHING), *row] for item, row in zip(owners, rows)]
    return columns(headers, rows)


def _identity(item: NetworkNamespace) -> list[object]:
    return [item.namespace.inode or NOTHING, item.role, safe(owner(item))]


def _inode(item: NetworkNamespace) -> str:
    return f"net:[{item.namespace.inode}]" if item.namespace.inode is not None else "no namespace"


def owner(item: NetworkNamespace) -> str:
    """Who it belongs to, by the best name there is."""
    if item.pod:
        return _name(item.pod)
    if item.container:
        return item.container
    if item.role == "host":
        return "the node itself"
    if item.role == "named" and item.namespace.names:
        return item.namespace.names[0].rpartition("/")[2]
    if item.sandbox:
        return f"container {item.sandbox.id[:SHORT_ID]}"
    if item.process:
        return item.process.command
    return f"nsid {item.namespace.nsid}" if item.namespace.nsid is not None else NOTHING


def _name(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name}" if pod.name else f"pod with UID {pod.uid}"


def _names(item: NetworkNamespace) -> str:
    """What `ip netns` calls it besides the file that is its path; a named one is called so in its OWNER."""
    others = [name.removeprefix(NAMED) for name in item.namespace.names if name.startswith(NAMED) and name != item.namespace.path]
    return " ".join(one for one in others if item.role != "named" or one != owner(item))


def _held(item: NetworkNamespace) -> str:
    return ",".join(item.namespace.held_by) or NOTHING


def _pid(item: NetworkNamespace) -> object:
    if item.sandbox and item.sandbox.pid:
        return item.sandbox.pid
    return item.process.pid if item.process else NOTHING


def _links(item: NetworkNamespace) -> str:
    """`eth0→veth1a2b` for the first few; the loopback, which every namespace has, is left out."""
    shown = [one for one in item.interfaces if one.kind != "loopback"]
    words = [one.name + (f"→{one.peer.name}" if one.peer and one.peer.name else "") for one in shown[:LISTED]]
    more = [f"+{len(shown) - LISTED}"] if len(shown) > LISTED else []
    return safe(" ".join(words + more)) or NOTHING


def _addresses(item: NetworkNamespace) -> str:
    shown = [
        address.address for one in item.interfaces for address in one.addresses if address.scope not in ("host", "link")
    ]
    more = [f"+{len(shown) - LISTED}"] if len(shown) > LISTED else []
    return " ".join(shown[:LISTED] + more) or NOTHING


def _found_by(item: NetworkNamespace, wide: bool) -> str:
    words = (" ".join(filter(None, (match.kind, _value(match, wide), match.detail))) for match in item.found_by)
    return safe("; ".join(words))


def _value(match: Match, wide: bool) -> str:
    return _short(match.value, wide) if match.kind in IDENTIFIERS else match.value


def _short(identifier: str, wide: bool) -> str:
    return identifier if wide or len(identifier) <= SHORT_ID else identifier[:SHORT_ID] + "…"


def columns(headers: list[str], rows: Sequence[Sequence[object]]) -> str:
    """Words in columns, two spaces apart; a fact that is None or empty is a dash. Every cell is made harmless."""
    rows = [[NOTHING if cell is None or cell == "" else safe(str(cell)) for cell in row] for row in rows]
    # as a first row and not as `headers`, which tabulate would pad by two more columns
    return _aligned([headers, *rows])


def _aligned(rows: Sequence[Sequence[object]]) -> str:
    from tabulate import tabulate  # see `prepare`

    text = tabulate(rows, tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.splitlines())
