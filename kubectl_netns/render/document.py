"""Facts as the JSON and YAML contract (`netns/v1`), and as bare paths. Keys are only ever added; `schema.json` pins them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Union

from ..aliases import Link
from ..model import NetworkNamespace
from .safe import safe

API_VERSION = "netns/v1"
KIND, LINK = "NetworkNamespace", "NetworkNamespaceLink"

Item = Union[NetworkNamespace, Link]


def document(items: Iterable[Item], single: bool, kind: str = KIND) -> dict[str, Any]:
    """One item, or a list of however many, in which each is whole."""
    described = [{"apiVersion": API_VERSION, "kind": kind, **_item(item)} for item in items]
    if single and len(described) == 1:
        return described[0]
    return {"apiVersion": API_VERSION, "kind": f"{kind}List", "items": described}


def as_json(items: Iterable[Item], single: bool, kind: str = KIND) -> str:
    return json.dumps(document(items, single, kind), indent=2, ensure_ascii=True)


def as_yaml(items: Iterable[Item], single: bool, kind: str = KIND) -> str:
    import yaml

    return yaml.safe_dump(document(items, single, kind), sort_keys=False, allow_unicode=False).rstrip("\n")


def names(items: Iterable[NetworkNamespace]) -> str:
    """One path a line."""
    return "\n".join(safe(item.namespace.path) for item in items if item.namespace.path)


def _item(item: Item) -> dict[str, Any]:
    described = _described(item)
    warnings = {"warnings": described.pop("warnings")} if "warnings" in described else {}
    return {**described, **warnings}


def _described(value: Any) -> Any:
    """A fact as an object, a tuple of them as an array; all else is what JSON has too."""
    if not isinstance(value, tuple):
        return value
    described = [_described(one) for one in value]
    return dict(zip(map(key, value._fields), described)) if hasattr(value, "_fields") else described


def key(name: str) -> str:
    """A field's name as the contract writes it: host_network → hostNetwork."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
