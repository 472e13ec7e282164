"""What `link` and `unlink` have in common: their options, the nodes that they are told, and how links are printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..errors import ExitStatus
from .console import Console
from .options import OUTPUT, Anywhere

if TYPE_CHECKING:
    from ..client import aliases


class Format(str, Enum):
    """`ip` is for interfaces, of which a link has none."""

    table = "table"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    name = "name"


@dataclass(frozen=True)
class Options(Anywhere):
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How to print the answer.", rich_help_panel=OUTPUT)
    ] = Format.table


def nodes_option(text: str) -> Any:
    return typer.Option("--node", metavar="NODE", help=f"{text}; may be repeated.")


Nodes = Optional[list[str]]


def finish(
    report: aliases.Report, options: Options, console: Console, single: bool, people: Callable[..., str] | None = None
) -> ExitStatus:
    """Print the report, and give its status; for people in sentences, unless told otherwise."""
    from ..render import aliases as render
    from ..render import document
    from .answering import conclude

    links, output = report.links, options.output
    if output is Format.json:
        text = document.as_json(links, single, document.LINK)
    elif output is Format.yaml:
        text = document.as_yaml(links, single, document.LINK)
    elif output is Format.name:
        text = render.paths(links)
    else:
        text = (people or render.sentences)(links, output is Format.wide) if links else ""
    return conclude(bool(report.links), text, report, console)
