"""The rows of the frozen table in `verbs.py`. Lists are words in one string, so that a row stays a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """`metavar` is empty for a flag; `verbs` are those that have the option, `values` the words that it takes if they are few.

    `kubectls` means that kubectl has it too: it is handed on, and kubectl knows its values.
    """

    names: str
    metavar: str
    help: str
    verbs: str
    values: str = ""
    several: bool = False
    kubectls: bool = False
    hidden: bool = False

    @property
    def takes_value(self) -> bool:
        return bool(self.metavar)

    @property
    def is_list(self) -> bool:
        """Whether the values are written with commas between them."""
        return self.metavar.endswith(",...")


@dataclass(frozen=True)
class Verb:
    """`arguments` are metavars; of the last there may be any number if it ends in `...`."""

    name: str
    arguments: str
    help: str

    def argument(self, position: int) -> str:
        """The metavar of an argument by its position from 0; empty where there is none."""
        metavars = self.arguments.split()
        if position >= len(metavars) and metavars and metavars[-1].endswith("..."):
            position = len(metavars) - 1
        return metavars[position].removesuffix("...") if position < len(metavars) else ""
