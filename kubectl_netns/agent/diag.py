"""TCP, UDP, raw and packet sockets of a namespace, through sock_diag: one dump each, where /proc/net is text and slow.

A kind of socket that this kernel cannot tell (its diag module is missing) gives none, but for raw ones, which are then read from
/proc/net/raw as `ss` does. Sources: linux/sock_diag.h, linux/inet_diag.h, linux/packet_diag.h; the states are `ss`'s words.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import defaultdict
from collections.abc import Mapping

from ..tables import Socket, SocketOwner
from . import processes
from .links import FAMILIES, NUMBER, ip, number
from .netlink import Netlink, attributes
from .place import Place

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_PACKET = 4, 20, 17
PROTOCOLS = {"tcp": 6, "udp": 17, "raw": 255}
EVERY_STATE = 0xFFFFFFFF
REQUEST = struct.Struct("=BBxxI48x")  # struct inet_diag_req_v2: family, protocol, states
INET = struct.Struct("=BBBB2s2s16s16sI8xIIIII")  # struct inet_diag_msg, its socket's identity written out
PACKET_REQUEST = struct.Struct("=BxxxII8x")  # struct packet_diag_req: family, inode, show
PACKET = struct.Struct("=BBHI8x")  # struct packet_diag_msg: family, type, protocol, inode
PACKET_SHOW_INFO, PACKET_SHOW_MEMINFO, PACKET_DIAG_INFO, PACKET_DIAG_UID, PACKET_DIAG_MEMINFO = 0x1, 0x10, 0, 5, 6
MEMINFO = struct.Struct("=I4xI")  # SK_MEMINFO_RMEM_ALLOC and, after the receive buffer's size, WMEM_ALLOC
INET_DIAG_SKV6ONLY = 11
KINDS = {"tcp": "stream", "udp": "dgram", "raw": "raw"}
SOCK_DGRAM = 2
STATES = ("UNKNOWN", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK",
          "LISTEN", "CLOSING", "SYN-RECV")  # fmt: skip
NOT_TOLD = (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.EPROTONOSUPPORT)


def read_sockets(diag: Netlink, names: Mapping[int, str]) -> tuple[Socket, ...]:
    """Of the thread's namespace; `diag` is a NETLINK_SOCK_DIAG socket in it. Owners are not told here, but by `with_owners`."""
    found: list[Socket] = []
    for protocol, number_ in PROTOCOLS.items():
        for family in FAMILIES:
            payloads = _dump(diag, REQUEST.pack(family, number_, EVERY_STATE))
            if payloads is None and protocol == "raw":
                found += _raw_from_proc(family)
            found += [parse_inet(payload, protocol, names) for payload in payloads or ()]
    request = PACKET_REQUEST.pack(AF_PACKET, 0, PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO)
    return tuple(found + [parse_packet(payload, names) for payload in _dump(diag, request) or ()])


def _dump(diag: Netlink, request: bytes) -> list[bytes] | None:
    """None where the kernel cannot tell this kind of socket."""
    try:
        return [payload for kind, payload in diag.dump(SOCK_DIAG_BY_FAMILY, request) if kind == SOCK_DIAG_BY_FAMILY]
    except OSError as error:
        if error.errno in NOT_TOLD:
            return None
        raise


def _raw_from_proc(family: int) -> list[Socket]:
    try:
        with open(f"/proc/thread-self/net/{'raw' if family == socket.AF_INET else 'raw6'}", encoding="ascii") as file:
            return [parse_raw(line, FAMILIES[family]) for line in file.read().splitlines()[1:]]
    except OSError:
        return []


def parse_raw(line: str, family: str) -> Socket:
    """A line of /proc/net/raw or raw6: addresses are words of 32 bits in the machine's order. Raises ValueError."""
    fields = line.split()
    if len(fields) < 10:
        raise ValueError("/proc/net/raw: a line was cut short")
    (local, port), (remote, remote_port) = (field.split(":") for field in fields[1:3])
    send, receive = (int(part, 16) for part in fields[4].split(":"))
    return Socket("raw", "raw", family, STATES[int(fields[3], 16) % len(STATES)], _words(local), int(port, 16), _words(remote),
                  int(remote_port, 16), None, int(fields[9]), int(fields[7]), receive, send, ())  # fmt: skip


def _words(text: str) -> str:
    return ip(b"".join(NUMBER.pack(int(text[at : at + 8], 16)) for at in range(0, len(text), 8)))


def parse_inet(payload: bytes, protocol: str, names: Mapping[int, str]) -> Socket:
    """One inet_diag_msg. For a raw socket the local port is its protocol's number. Raises ValueError when malformed."""
    if len(payload) < INET.size:
        raise ValueError("sock_diag: a message was cut short")
    (family, state, _, _, sport, dport, source, destination, device, _, receive, send, uid, inode) = INET.unpack_from(payload)
    if family not in FAMILIES:
        raise ValueError(f"sock_diag: a socket of family {family}")
    size = 4 if family == socket.AF_INET else 16
    only = attributes(payload, INET.size).get(INET_DIAG_SKV6ONLY)
    return Socket(
        protocol=protocol,
        kind=KINDS[protocol],
        family=FAMILIES[family],
        state=STATES[state] if state < len(STATES) else str(state),
        local_address=ip(source[:size]),
        local_port=int.from_bytes(sport, "big"),
        remote_address=ip(destination[:size]),
        remote_port=int.from_bytes(dport, "big"),
        device=names.get(device, f"if{device}") if device else None,
        inode=inode,
        uid=uid,
        receive_queue=receive,
        send_queue=send,
        processes=(),
        v6_only=bool(only[0]) if only else None,
    )


def parse_packet(payload: bytes, names: Mapping[int, str]) -> Socket:
    """One packet_diag_msg. Its Ethernet protocol stands where others have a local port. Raises ValueError when malformed."""
    if len(payload) < PACKET.size:
        raise ValueError("sock_diag: a message was cut short")
    _, kind, protocol, inode = PACKET.unpack_from(payload)
    found = attributes(payload, PACKET.size)
    info = found.get(PACKET_DIAG_INFO, b"")
    device = NUMBER.unpack_from(info)[0] if len(info) >= NUMBER.size else 0
    name = names.get(device, f"if{device}") if device else None
    uid = number(found.get(PACKET_DIAG_UID))
    memory = found.get(PACKET_DIAG_MEMINFO, b"")
    receive, send = MEMINFO.unpack_from(memory) if len(memory) >= MEMINFO.size else (0, 0)
    word = "dgram" if kind == SOCK_DGRAM else "raw"
    return Socket("packet", word, None, "UNCONN", None, protocol, None, None, name, inode, uid, receive, send, ())


def owners(place: Place) -> dict[int, list[SocketOwner]]:
    """The processes that have each socket open, by its inode; those that may not be looked at are passed over."""
    found: dict[int, list[SocketOwner]] = defaultdict(list)
    for pid in processes.pids(place):
        held: dict[int, list[int]] = defaultdict(list)
        for descriptor, target in processes.descriptors(place, pid):
            if target.startswith("socket:["):
                held[int(target[8:-1])].append(descriptor)
        command = processes.command(place, pid) if held else None
        for inode, descriptors in held.items():
            found[inode].append(SocketOwner(pid, command or "?", tuple(descriptors)))
    return found


def with_owners(sockets: tuple[Socket, ...], known: Mapping[int, list[SocketOwner]]) -> tuple[Socket, ...]:
    return tuple(one._replace(processes=tuple(known[one.inode])) if one.inode in known else one for one in sockets)
