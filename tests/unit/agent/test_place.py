"""The way from where the agent stands to a file or process of the node."""

from __future__ import annotations

import pytest

from kubectl_netns.agent.place import HERE, NODE, Place


@pytest.mark.parametrize(
    ("place", "path", "way"),
    [
        (HERE, "/run/netns/a", "/run/netns/a"),
        (HERE, "/var/run/netns/a", "/run/netns/a"),
        (NODE, "/run/netns/a", "/proc/1/root/run/netns/a"),
        (NODE, "/var/run/docker/netns/a", "/proc/1/root/run/docker/netns/a"),
        (NODE, "/var/runs/a", "/proc/1/root/var/runs/a"),
        (NODE, "/var/lib/var/run/a", "/proc/1/root/var/lib/var/run/a"),
        (Place(root="/tree/"), "//run/a", "/tree/run/a"),
    ],
)
def test_the_way_to_a_file(place: Place, path: str, way: str) -> None:
    assert place.file(path) == way


@pytest.mark.parametrize(("place", "way"), [(HERE, "/proc/7/ns/net"), (Place(proc="/tree/proc"), "/tree/proc/7/ns/net")])
def test_the_way_to_a_process(place: Place, way: str) -> None:
    assert place.process(7, "ns", "net") == way
