"""Fixtures that every part shares: how the program is run, and the real cluster. What cannot be had is skipped, in CI failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from tests.cluster import pods
from tests.cluster.kube import cluster as kube
from tests.cluster.kube.places import Trouble, Unavailable

CURRENT = os.environ.get("CLUSTER") == "current"
for ignored in (signal.SIGHUP, signal.SIGINT):  # by `nohup make test`, or `make test &`: what the tests start would ignore them too
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)


def unavailable(reason: str) -> NoReturn:
    """A skip with its reason; with CI=true a failure, so that nothing is left out silently."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have this: {reason}", pytrace=False)
    pytest.skip(reason)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


def netns(*words: str, environment: dict[str, str] | None = None, prefix: tuple[str, ...] = ()) -> Outcome:
    """Run the program as a process of its own, as a user would; `prefix` goes in front of it (a node's nsenter)."""
    result = subprocess.run(
        [*prefix, sys.executable, "-m", "kubectl_netns", *words],
        capture_output=True, text=True, timeout=180, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    assert "Traceback" not in result.stderr, result.stderr
    return Outcome(result.returncode, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def root() -> None:
    if os.geteuid() != 0:
        unavailable("namespaces are made on the spot, which needs root")


@pytest.fixture(scope="session")
def testbed() -> kube.Cluster:
    """Our own two nodes, of which everything may be asked. Brought up if need be, and left up."""
    if CURRENT:
        pytest.skip("CLUSTER=current: this looks at the test cluster's nodes from outside")
    try:
        return kube.up()
    except Unavailable as error:
        unavailable(str(error))
    except Trouble as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """What leads kubectl and us to the cluster under test."""
    if CURRENT:
        return {}
    testbed = request.getfixturevalue("testbed")
    return {"KUBECONFIG": str(testbed.kubeconfig), "KUBECTL_NETNS_IMAGE": testbed.image}


@pytest.fixture(scope="session")
def workloads(environment: dict[str, str]) -> Iterator[pods.Workloads]:
    """A pod with a network of its own on every node, for the whole run."""
    made = pods.Workloads(environment)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def run(environment: dict[str, str]) -> Iterator[Run]:
    """The program against the cluster; afterwards no agent pod may be left but those of others."""
    before = pods.agents(environment)

    def go(*words: str, **options: Any) -> Outcome:
        return netns(*words, environment={**environment, **options.pop("environment", {})}, **options)

    yield go
    assert [name for name in pods.agents(environment) if name not in before] == [], "an agent pod was left behind"


@pytest.fixture(scope="module")
def warm(environment: dict[str, str]) -> Iterator[Run]:
    """The same with agents that are kept, three times as fast: for modules that ask what is answered, not how an agent lives."""
    before = pods.agents(environment)

    def go(*words: str, **options: Any) -> Outcome:
        return netns(*words, environment={**environment, "KUBECTL_NETNS_KEEP": "5m", **options.pop("environment", {})}, **options)

    yield go
    netns("cleanup", environment=environment)
    assert set(pods.agents(environment)) <= set(before), "an agent pod was left behind"
