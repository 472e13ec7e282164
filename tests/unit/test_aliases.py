"""What a link may be called, and that no two pods get the same name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_netns.aliases import HALF_MADE, LONGEST, default_name, fault

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
SUBDOMAIN = st.lists(LABEL, min_size=1, max_size=8).map(".".join).filter(lambda text: len(text) <= 253)
ANYTHING = st.text(max_size=300)
NAMES = st.one_of(LABEL, SUBDOMAIN, ANYTHING)


@pytest.mark.parametrize(("namespace", "pod", "name"), [
    ("shop", "web", "shop_web"), ("kube-system", "dns.1-x", "kube-system_dns.1-x"),
    ("n" * 63, "p" * 191, "n" * 63 + "_" + "p" * 191), ("", "web", "_web"),
])  # fmt: skip
def test_what_fits_is_left_as_it_is(namespace: str, pod: str, name: str) -> None:
    assert default_name(namespace, pod) == name


@pytest.mark.parametrize(("namespace", "pod", "begin"), [
    ("n" * 63, "p" * 192, "n" * 63 + "_pppp"), ("shop", "a/b", "shop_a-b__"), ("..", "../..", ".._..-..__"),
    ("shop", "a\x1b[2J", "shop_a--2J__"), ("shop", "a_b", "shop_a-b__"), ("shop", "é" * 200, "shop_---"), ("s", "\udcff", "s_-__"),
])  # fmt: skip
def test_what_does_not_is_changed_and_gets_a_digest(namespace: str, pod: str, begin: str) -> None:
    name = default_name(namespace, pod)
    assert name.startswith(begin) and re.search(r"__[0-9a-f]{16}$", name) and len(name) <= LONGEST


@given(NAMES, NAMES)
def test_a_default_name_may_always_be_had(namespace: str, pod: str) -> None:
    name = default_name(namespace, pod)
    assert fault(name) is None
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,255}", name)
    assert name == default_name(namespace, pod)


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_two_pods_never_share_one(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (default_name(*one) == default_name(*other)) is (one == other)


@given(st.text(alphabet="ab", min_size=192, max_size=253), st.text(alphabet="ab", min_size=192, max_size=253))
def test_nor_where_both_are_too_long(one: str, other: str) -> None:
    """They differ behind the place where they are cut."""
    first, second = default_name("n" * 63, "a" * 200 + one), default_name("n" * 63, "a" * 200 + other)
    assert (first == second) is (one == other) and len(first) == len(second) == LONGEST


@pytest.mark.parametrize(("name", "why"), [
    ("", "no name"), (".", "no name"), ("..", "no name"), ("a/b", "slash"), ("/", "slash"), ("../x", "slash"), ("a\nb", "printed"),
    (HALF_MADE, "while they are made"), ("a\0b", "printed"), ("\x1b[2J", "printed"), ("\udcff", "printed"), ("a" * 256, "longer"), ("é" * 128, "longer"),
])  # fmt: skip
def test_what_a_link_may_not_be_called(name: str, why: str) -> None:
    assert why in (fault(name) or "")


@pytest.mark.parametrize("name", ["a", "...", ".a", "a b", "é" * 127, "a" * 255, "-a", "shop_web"])
def test_what_it_may(name: str) -> None:
    assert fault(name) is None


@given(st.text(max_size=300))
def test_what_is_allowed_is_a_file_name(name: str) -> None:
    if fault(name) is None:
        assert name not in ("", ".", "..") and not {"/", "\0", "\n"} & set(name) and len(name.encode()) <= 255
