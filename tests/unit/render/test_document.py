"""JSON and YAML: held against the schema, which is held against the facts; the keys of the contract are pinned."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from kubectl_netns.render.document import as_json, as_yaml, document, names
from tests import schema
from tests.unit.facts import ALL, CONTAINERD, DOCKER, EVIL, HOST, NASTY, STALE

SCHEMA = json.loads(schema.FILE.read_text())
KEYS = {  # the contract of DESIGN.md: what may be added to, and never taken from
    "": {"apiVersion", "kind", "node", "namespace", "role", "pod", "sandbox", "verdict", "interfaces", "routes", "neighbours",
         "sockets", "rules", "warnings"},
    "namespace": {"inode", "device", "path", "nsid", "heldBy"},
    "pod": {"namespace", "name", "uid", "ips", "hostNetwork"},
    "sandbox": {"id", "runtime", "state", "pid", "attempt", "createdAt", "source", "networkId"},
}  # fmt: skip
INTERFACE = {"index", "name", "kind", "state", "flags", "mtu", "mac", "altnames", "alias", "addresses", "master", "parent",
             "peer", "statistics"}  # fmt: skip
PEER = {"inode", "index", "name", "master", "onHost"}
STATISTICS = {"rxBytes", "rxPackets", "rxErrors", "rxDropped", "txBytes", "txPackets", "txErrors", "txDropped"}


def test_the_schema_is_made_from_the_facts() -> None:
    assert schema.FILE.read_text() == schema.text(), "run `python -m tests.schema`"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ALL)
def test_every_output_is_valid_and_yaml_says_the_same(name: str) -> None:
    for single in (True, False):
        text = as_json([ALL[name]], single)
        assert text.isascii()
        jsonschema.validate(json.loads(text), SCHEMA)
        if name != "CROWDED":
            assert yaml.safe_load(as_yaml([ALL[name]], single)) == json.loads(text)


@pytest.mark.parametrize("broken", [{"role": "king"}, {"interfaces": None}, {"apiVersion": "netns/v2"}, {"pod": {"name": 1}}])
def test_the_schema_refuses(broken: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document([CONTAINERD], True), **broken}, SCHEMA)


def test_a_missing_key_is_refused() -> None:
    described = document([CONTAINERD], True)
    for key in described:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in described.items() if name != key}, SCHEMA)


def test_the_keys_of_the_contract() -> None:
    described = document([DOCKER], True)
    for part, keys in KEYS.items():
        assert keys <= set(described[part] if part else described)
    assert all(set(one) >= INTERFACE for one in described["interfaces"])
    assert set(described["interfaces"][1]["peer"]) >= PEER
    assert set(described["interfaces"][1]["statistics"]) == STATISTICS


@pytest.mark.parametrize("name", ALL)
def test_warnings_come_last(name: str) -> None:
    """Where a reader of long JSON looks, whether there are any or not."""
    assert list(document([ALL[name]], True))[-1] == "warnings"


def test_absent_facts_are_null() -> None:
    described = document([HOST], True)
    absent = ("pod", "sandbox", "routes", "neighbours", "rules", "sockets", "container")
    assert {key: described[key] for key in absent} == dict.fromkeys(absent)
    assert document([STALE], True)["namespace"]["inode"] is None


def test_names_are_exact() -> None:
    assert json.loads(as_json([EVIL], True))["interfaces"][0]["name"] == NASTY


@pytest.mark.parametrize(("count", "single", "kind"), [
    (1, True, "NetworkNamespace"), (1, False, "NetworkNamespaceList"), (2, True, "NetworkNamespaceList"),
    (0, True, "NetworkNamespaceList"), (0, False, "NetworkNamespaceList"),
])  # fmt: skip
def test_one_or_a_list(count: int, single: bool, kind: str) -> None:
    assert document([CONTAINERD] * count, single)["kind"] == kind


def test_names_are_one_path_a_line() -> None:
    assert names([CONTAINERD, DOCKER, EVIL]).splitlines() == [
        "/run/netns/cni-26d4bfd1", "/run/docker/netns/0123456789ab", "/run/netns/a\\x1b[31m\\x07b\\nc\\x85\\u202e\\udcff",
    ]  # fmt: skip
