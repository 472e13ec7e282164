"""What a word may be that somebody looks for. Pure: the word alone decides, and every reading that it allows is tried.

    10.244.2.2  10.244.2.2/24  FD00:0::2  [fd00::2]  fe80::1%eth0    address
    8e:c8:b4:f5:5e:4f  8E-C8-B4-F5-5E-4F                              mac
    vethe33d92c2  vethe33d92c2@if2                                   interface, name
    4711                                                             pid, ifindex, interface, name
    4026532576  net:[4026532576]                                     inode
    3f1c9ab07f52  docker://3f1c9ab07f52…                             sandbox, container, network (Docker's SandboxID)
    /run/netns/blue  /var/run/docker/netns/0123456789ab  /proc/4711/ns/net      path

Interfaces and namespaces may be called nearly anything, also 4711 or 3f1c9ab07f52: then those readings are among the others.
Only what is plainly an address, a MAC, a path or net:[…], or has a space or a colon in it, is not tried as a name too, unless
that kind is asked for.
"""

from __future__ import annotations

import ipaddress
import os
import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..questions import Clue

KINDS = {
    "address": "an IPv4 or IPv6 address",
    "mac": "a MAC address",
    "interface": "an interface of a node (veth…), or its altname",
    "ifindex": "the index of an interface of a node",
    "inode": "a namespace's inode (4026532576, net:[4026532576])",
    "sandbox": "the ID of a pod's sandbox, 6 digits or more",
    "container": "a container's ID, 6 digits or more",
    "network": "Docker's SandboxID, 6 digits or more",
    "pid": "a process of a node",
    "path": "the path of a namespace's file on a node",
    "name": "a namespace's name, as `ip netns` shows it",
}
PLAIN = ("address", "mac", "path")
OWN_COUNT = ("ifindex", "inode", "pid")
"""Numbers that every node gives out on its own account: on another node they mean something else."""

MAC = re.compile(r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4,18}")
LONGEST_MAC = 20  # InfiniBand
IDENTIFIER = re.compile(r"(?:([a-z][a-z0-9.-]*)://)?([0-9a-f]{6,64})", re.IGNORECASE)
INODE = re.compile(r"net:\[(\d{1,10})\]")
ENDS_AT = re.compile(r"(.+)@if\d+", re.DOTALL)
SELF = re.compile(r"/proc/(self|thread-self)(/|$)")
PROCESS = re.compile(r"/proc/\d+(/|$)")
PID_LIMIT = 1 << 22  # PID_MAX_LIMIT, include/linux/threads.h
INDEX_LIMIT = 1 << 31
INODES = range(1 << 31, 1 << 32)  # the kernel counts them from 0xF0000000 on, PROC_DYNAMIC_FIRST
LONGEST_NAME = 127  # ALTIFNAMSIZ, with its NUL
LONGEST_FILE = 255


def clues(word: str, kind: str | None = None) -> tuple[Clue, ...]:
    """All readings of a word, or those of one kind. Raises UsageError where there is none."""
    tried = KINDS if kind is None else (kind,)
    found = {one: values for one in tried if (values := READERS[one](word))}
    if kind is None and (any(one in found for one in PLAIN) or not _is_word(word)):
        found = {one: values for one, values in found.items() if one not in ("interface", "name")}
    if not found:
        if kind:
            raise UsageError(f'"{word}" cannot be {KINDS[kind]}')
        known = "\n".join(f"{one:<11}{text}" for one, text in KINDS.items())
        hint = f"a pod is shown by `kubectl netns POD`; known are\n{known}"
        raise UsageError(f'"{word}" is nothing that can be looked for', hint)
    from ..questions import Clue  # not for the sake of KINDS alone

    return tuple(Clue(one, value) for one, values in found.items() for value in values)


def per_node(clue: Clue) -> bool:
    """Whether it means something on one node only."""
    return clue.kind in OWN_COUNT or (clue.kind == "path" and PROCESS.match(clue.value) is not None)


def _address(word: str) -> list[str]:
    bare = word[1:-1] if word.startswith("[") and word.endswith("]") else word
    try:
        read = ipaddress.ip_interface(bare).ip
    except ValueError:
        return []
    if isinstance(read, ipaddress.IPv6Address):
        return [str(read.ipv4_mapped or ipaddress.IPv6Address(int(read)))]  # a zone (%eth0) is the reader's own interface
    return [str(read)]


def _mac(word: str) -> list[str]:
    plain = word.lower().replace("-", ":")
    return [plain] if MAC.fullmatch(word) and (len(plain) + 1) // 3 in (6, 8, LONGEST_MAC) else []


def _interface(word: str) -> list[str]:
    """By the kernel's dev_valid_name and iproute2's rule for altnames. `ip` prints a veth's name with its peer's index behind."""
    if not _is_name(word, LONGEST_NAME) or not _is_word(word):
        return []
    match = ENDS_AT.fullmatch(word)
    return [word, match[1]] if match else [word]


def _number(word: str, limits: range) -> list[str]:
    return [str(int(word))] if re.fullmatch(r"[0-9]{1,10}", word) and int(word) in limits else []


def _inode(word: str) -> list[str]:
    match = INODE.fullmatch(word)
    return [str(int(match[1]))] if match else _number(word, INODES)


def _identifier(word: str) -> list[str]:
    match = IDENTIFIER.fullmatch(word)
    return [match[2].lower()] if match else []


def _network(word: str) -> list[str]:
    return _identifier(word) if "://" not in word else []


def _path(word: str) -> list[str]:
    if not word.startswith("/") or "\0" in word or SELF.match(word):
        return []
    path = posixpath.normpath(word)
    path = path[1:] if path.startswith("//") else path
    return [path.removeprefix("/var") if path.startswith("/var/run/") else path]


def _name(word: str) -> list[str]:
    return [word] if _is_name(word, LONGEST_FILE) else []


def _is_word(word: str) -> bool:
    return ":" not in word and not any(char.isspace() for char in word)


def _is_name(word: str, longest: int) -> bool:
    return word not in ("", ".", "..") and "/" not in word and "\0" not in word and len(os.fsencode(word)) <= longest


READERS: dict[str, Callable[[str], list[str]]] = {
    "address": _address, "mac": _mac, "interface": _interface, "ifindex": lambda word: _number(word, range(1, INDEX_LIMIT)),
    "inode": _inode, "sandbox": _identifier, "container": _identifier, "network": _network,
    "pid": lambda word: _number(word, range(1, PID_LIMIT + 1)), "path": _path, "name": _name,
}  # fmt: skip
