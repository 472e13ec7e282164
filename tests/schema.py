"""`python -m tests.schema` writes kubectl_netns/schema.json from the facts; a test sees to it that the two agree.

Types come from the annotations, descriptions from the docstrings' first lines, and what a word may be from WORDS.
"""

from __future__ import annotations

import json
import re
import types
import typing
from pathlib import Path
from typing import Any

from kubectl_netns import aliases, model
from kubectl_netns.render.document import API_VERSION, KIND, LINK, key

FILE = Path(model.__file__).with_name("schema.json")
WORDS = {
    "Address.family": ["inet", "inet6"],
    "Route.family": ["inet", "inet6"],
    "Rule.family": ["inet", "inet6"],
    "Neighbour.family": ["inet", "inet6"],
    "Link.outcome": ["made", "replaced", "present", "removed"],
    "Link.state": ["live", "stale"],
    "Match.kind": ["address", "mac", "interface", "ifindex", "inode", "sandbox", "container", "network", "pid", "path", "name"],
    "Namespace.heldBy": ["process", "thread", "mount", "descriptor", "socket", "hidden-mount", "nsid"],
    "NetworkNamespace.role": ["host", "pod", "container", "named", "unknown"],
    "NetworkNamespace.verdict": ["owned", "orphan", "stale", "unknown"],
    "Sandbox.state": ["ready", "notready", "unknown"],
    "Sandbox.source": ["docker", "cri", "cgroup"],
    "Socket.protocol": ["tcp", "udp", "raw", "packet"],
}
SIGNED = {"Namespace.nsid", "Peer.nsid", "Interface.linkNsid"}


def schema() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    kinds = {KIND: model.NetworkNamespace, LINK: aliases.Link}
    for kind, fact in kinds.items():
        _document(kind, fact, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kubectl netns -o json, apiVersion {API_VERSION}",
        "description": "Keys are only ever added. Absent facts are null.",
        "$defs": dict(sorted(definitions.items())),
        "oneOf": [{"$ref": f"#/$defs/{name}"} for kind in kinds for name in (kind, f"{kind}List")],
    }


def _document(kind: str, fact: type, definitions: dict[str, Any]) -> None:
    """What may be printed: the fact with its kind, and a list of such."""
    _define(fact, definitions)
    one = definitions[kind] = definitions.pop(fact.__name__)
    one["properties"] = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, **one["properties"]}
    one["required"] = ["apiVersion", "kind", *one["required"]]
    items = {"type": "array", "items": {"$ref": f"#/$defs/{kind}"}}
    listed = {"apiVersion": {"const": API_VERSION}, "kind": {"const": f"{kind}List"}, "items": items}
    definitions[f"{kind}List"] = {"type": "object", "properties": listed, "required": list(listed)}


def _define(fact: type, definitions: dict[str, Any]) -> None:
    hints = typing.get_type_hints(fact)
    names = {key(name): hint for name, hint in hints.items()}
    definitions[fact.__name__] = {
        "type": "object",
        "description": " ".join(re.split(r"\n\s*\n", fact.__doc__ or "")[0].split()),
        "properties": {name: _type(hint, f"{fact.__name__}.{name}", definitions) for name, hint in names.items()},
        "required": list(names),
    }


def _type(hint: Any, where: str, definitions: dict[str, Any]) -> dict[str, Any]:
    if hasattr(hint, "_fields"):
        name = hint.__name__
        if name not in definitions:
            _define(hint, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(hint, types.UnionType):
        (part,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        return {"anyOf": [_type(part, where, definitions), {"type": "null"}]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _type(typing.get_args(hint)[0], where, definitions)}
    if where in WORDS:
        return {"enum": WORDS[where]}
    if hint is int:
        return {"type": "integer"} if where in SIGNED else {"type": "integer", "minimum": 0}
    return {"type": {str: "string", bool: "boolean"}[hint]}


def text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
