"""Text from a node, made harmless: names on a node may hold any byte, and an escape sequence must not reach a terminal."""

from __future__ import annotations


def safe(text: str) -> str:
    """Control and other unprintable characters as \\xNN or \\uNNNN."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
