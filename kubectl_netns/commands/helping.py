"""`kubectl netns help [VERB]`: what `--help` prints, for those who ask as they ask kubectl; and what a word nearly is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Optional

import typer

from ..errors import ExitStatus, UsageError
from .console import Console


def help_(
    invocation: typer.Context,
    console: Console,
    name: Annotated[Optional[str], typer.Argument(metavar="VERB", help="The verb; without it, all of them.")] = None,
) -> ExitStatus:
    """Print the help of a verb, as --help does.

    Examples:
      kubectl netns help exec
    """
    above: Any = invocation.parent
    if name is not None and name not in above.command.commands:
        raise UsageError(f'there is no verb "{name}"', meant(name, above.command.commands) or "`kubectl netns help` lists them")
    told = type(above)(above.command.commands[name], parent=above, info_name=name) if name else above
    console.answer(told.get_help())
    return ExitStatus.ANSWERED


def meant(word: str, verbs: Iterable[str]) -> str | None:
    """A hint where a word that is no verb is nearly one."""
    from difflib import get_close_matches

    close = get_close_matches(word, verbs, 1)
    return f"did you mean `kubectl netns {close[0]}`?" if close else None
