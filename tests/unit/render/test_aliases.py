"""Links as people read them, and held against the schema."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from kubectl_netns.aliases import Link, Owner
from kubectl_netns.render import document, table
from kubectl_netns.render.aliases import listing, paths, sentences, usage
from tests import schema
from tests.unit.facts import CONTAINERD, NAMED, NASTY, STALE

LINK = Link("node-b", "shop_web", "/run/netns/shop_web", "/run/netns/cni-1", 4026532576, "live", "made", Owner("shop", "web", "8f0c"),
            "2026-01-01T00:00:00Z", "me@here")  # fmt: skip
GONE = LINK._replace(node="node-a", name="old", path="/run/netns/old", state="stale", outcome=None, reason="it is not there any more")
EVIL = LINK._replace(name=NASTY, path=NASTY, target=NASTY, pod=Owner(NASTY, NASTY, NASTY), started_by=NASTY, reason=NASTY, node=NASTY)


@pytest.mark.parametrize(("link", "said"), [
    (LINK, "/run/netns/shop_web on node-b → /run/netns/cni-1"),
    (LINK._replace(outcome="present"), "/run/netns/shop_web on node-b → /run/netns/cni-1 (it was there already)"),
    (LINK._replace(outcome="replaced"), "/run/netns/shop_web on node-b → /run/netns/cni-1 (in place of a stale one)"),
    (LINK._replace(outcome="removed"), "/run/netns/shop_web on node-b removed"),
    (LINK._replace(node=None), "/run/netns/shop_web → /run/netns/cni-1"),
])  # fmt: skip
def test_what_was_done(link: Link, said: str) -> None:
    assert sentences([link], wide=False) == said


def test_the_table() -> None:
    assert listing([LINK], wide=False).splitlines() == [
        "NODE    NAME      POD       STATE  TARGET", "node-b  shop_web  shop/web  live   /run/netns/cni-1",
    ]  # fmt: skip
    assert [line.split()[0] for line in listing([LINK, GONE], wide=False).splitlines()] == ["NODE", "node-b", "node-a"]
    assert sentences([LINK, GONE], wide=True) == listing([LINK, GONE], wide=True)
    for word in ("4026532576", "8f0c", "2026-01-01T00:00:00Z", "me@here", "made", "it is not there any more"):
        assert word in listing([LINK, GONE], wide=True)


def test_paths_and_usage() -> None:
    assert paths([LINK, GONE]) == "/run/netns/shop_web\n/run/netns/old"
    assert usage([LINK, GONE]) == "on node-b: ip netns exec shop_web ip addr"
    assert usage([LINK._replace(node=None)]) == "on this machine: ip netns exec shop_web ip addr"


def test_nothing_reaches_a_terminal_raw() -> None:
    for text in (sentences([EVIL], False), listing([EVIL], True), paths([EVIL]), usage([EVIL])):
        assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("links", [[], [LINK], [LINK, GONE, EVIL]], ids=["none", "one", "three"])
def test_every_output_is_valid(links: list[Link]) -> None:
    for single in (True, False):
        text = document.as_json(links, single, document.LINK)
        jsonschema.validate(json.loads(text), json.loads(schema.FILE.read_text()))
        assert yaml.safe_load(document.as_yaml(links, single, document.LINK)) == json.loads(text)
    assert document.document([LINK], True, document.LINK)["kind"] == "NetworkNamespaceLink"
    assert document.document([LINK], False, document.LINK)["kind"] == "NetworkNamespaceLinkList"


def test_the_keys_of_the_contract() -> None:
    described = document.document([LINK], True, document.LINK)
    assert set(described) >= {"apiVersion", "kind", "node", "name", "path", "target", "inode", "state", "outcome", "pod", "createdAt",
                              "startedBy", "reason"}  # fmt: skip
    assert set(described["pod"]) >= {"namespace", "name", "uid"}


def test_list_tells_the_other_names_of_a_namespace_and_the_stale_ones() -> None:
    names = ("/run/netns/cni-26d4bfd1", "/run/netns/shop_web", "/run/docker/netns/x")
    linked = CONTAINERD._replace(namespace=CONTAINERD.namespace._replace(names=names))
    header, row = table.listing([linked], wide=False).splitlines()
    assert header.endswith("ALSO CALLED") and row.split()[-1] == "shop_web"
    twice = NAMED._replace(namespace=NAMED.namespace._replace(names=("/run/netns/blue", "/run/netns/navy")))
    assert [line.split()[-1] for line in table.listing([linked, twice], wide=False).splitlines()] == ["CALLED", "shop_web", "navy"]
    assert "ALSO CALLED" not in table.listing([CONTAINERD, NAMED, STALE], wide=False)
    (stale,) = [line for line in table.listing([linked, STALE], wide=True).splitlines() if "stale" in line]
    assert "/run/netns/gone" in stale and "it is a plain file" in stale
