"""Option values that become something else, and what is wrong with them."""

from __future__ import annotations

import pytest

from kubectl_netns.commands.options import Common, duration
from kubectl_netns.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("2m", 120), ("1h", 3600), ("3600", 3600), ("1", 1)])
def test_durations(text: str, seconds: float) -> None:
    assert duration("--keep", text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "soon", "1d", "61m", "3601", "1.5m", "s", "m2", "٣٤x", "²"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match=r"--keep: .* is no time"):
        duration("--keep", text)


def test_the_agent_lives_where_the_context_does() -> None:
    assert Common().spec("team").namespace == "team"
    assert Common(agent_namespace="privileged", namespace="shop").spec("team").namespace == "privileged"
