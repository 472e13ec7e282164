"""Option values that become something else, and what is wrong with them."""

from __future__ import annotations

import pytest

from kubectl_netns.commands.options import Common, duration
from kubectl_netns.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [
    ("90", 90), ("90s", 90), ("2m", 120), ("1h", 3600), ("3600", 3600), ("1", 1), ("1m30s", 90), ("1.5m", 90), ("500ms", 0.5), ("0h1m", 60),
])  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert duration("--keep", text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "soon", "1d", "s", "m2", "1m30", "1 m", "1.m", "٣٤", "²", "1e3"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match=f'--keep: "{text}" is no time$'):
        duration("--keep", text)


@pytest.mark.parametrize(("text", "why"), [("0", "no time at all"), ("0s", "no time at all"), ("61m", "too long"), ("3601", "too long"), ("2h", "too long")])
def test_what_is_no_time_to_wait(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"--keep: {text} is {why}$"):
        duration("--keep", text)


@pytest.mark.parametrize(("text", "seconds"), [(None, 30), ("0", 30), ("3h", 10800), ("1m5s", 65)])
def test_a_request_may_take_what_kubectl_allows(text: str | None, seconds: float) -> None:
    assert Common(request_timeout=text).request_seconds == seconds


def test_the_agent_lives_where_the_context_does() -> None:
    assert Common().spec("team").namespace == "team"
    assert Common(agent_namespace="privileged", namespace="shop").spec("team").namespace == "privileged"


@pytest.mark.parametrize(("given", "names"), [
    (None, None), ([], None), (["a", "node/b"], ["a", "b"]), (["a,b", "c"], ["a", "b", "c"]), (["a", "node/a,a"], ["a"]), ([""], [""]),
])  # fmt: skip
def test_nodes_one_by_one_or_with_commas(given: list[str] | None, names: list[str] | None) -> None:
    assert Common().named(given, False) == names
