"""A refusal names the rights that are missing, as the cluster itself says; what is no refusal stays as it is."""

from __future__ import annotations

from typing import cast

import pytest

from kubectl_netns.client.cluster import Cluster
from kubectl_netns.client.rights import explained
from kubectl_netns.errors import ClusterError, NetnsError, RefusedError

FORBIDDEN = 'User "guest" cannot create resource "pods"'


class Api:
    """Reviews access: `denied` are (verb, resource, subresource, namespace)."""

    namespace = "shop"

    def __init__(self, *denied: tuple[str, str, str, str | None], silent: bool = False) -> None:
        self.denied, self.silent, self.asked = denied, silent, 0

    def may(self, verb: str, resource: str, subresource: str, namespace: str | None) -> bool:
        self.asked += 1
        if self.silent:
            raise ClusterError("no reviews here")
        return (verb, resource, subresource, namespace) not in self.denied


def test_the_missing_ones_are_named() -> None:
    api = Api(("create", "pods", "", "agents"), ("create", "pods", "exec", "agents"), ("get", "nodes", "", None), ("get", "pods", "", "shop"))
    error = explained(RefusedError(FORBIDDEN, "old hint"), cast(Cluster, api), "agents")
    assert (type(error), error.message) == (RefusedError, FORBIDDEN)
    assert (error.hint or "").startswith(
        "you may not get nodes, get pods in namespace shop, create pods in namespace agents, create pods/exec in namespace agents:")


@pytest.mark.parametrize(("denied", "helps"), [
    ([("create", "pods", "", "agents")], True), ([("get", "pods", "", "shop")], False),
    ([("create", "pods", "", "agents"), ("get", "nodes", "", None)], False),
])  # fmt: skip
def test_another_namespace_for_agents_is_advised_where_it_can_help(denied: list[tuple[str, str, str, str | None]], helps: bool) -> None:
    error = explained(RefusedError(FORBIDDEN), cast(Cluster, Api(*denied)), "agents")
    assert ("--agent-namespace" in (error.hint or "")) is helps


@pytest.mark.parametrize(("error", "api", "asked"), [
    (RefusedError(FORBIDDEN, "old hint"), Api(), True),
    (RefusedError(FORBIDDEN, "old hint"), Api(silent=True), True),
    (RefusedError("a quota does not allow it", "old hint"), Api(("create", "pods", "", "agents")), False),
    (ClusterError("it cannot be reached", "old hint"), Api(("create", "pods", "", "agents")), False),
])  # fmt: skip
def test_what_is_left_as_it_is(error: NetnsError, api: Api, asked: bool) -> None:
    assert explained(error, cast(Cluster, api), "agents") is error and error.hint == "old hint"
    assert bool(api.asked) is asked
