"""A world for each test, on a machine where one may make namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node import worlds


@pytest.fixture
def world(root: None) -> Iterator[worlds.World]:
    with worlds.world() as made:
        yield made
