"""The table that completion reads, `kubectl_netns/completion/verbs.py`, made from what Typer builds: `make reference` writes it,
a test holds it against the program."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from kubectl_netns.cli import DEFAULT_VERB, build
from kubectl_netns.commands import help
from kubectl_netns.commands.console import Console
from kubectl_netns.commands.options import CLUSTER, Access
from kubectl_netns.completion.table import Option, Verb

FILE = Path(__file__).parents[1] / "kubectl_netns" / "completion" / "verbs.py"
HEAD = '''"""The verbs and their options, frozen: `make reference` makes this from what Typer builds, whose import takes too long for a Tab."""

# ruff: noqa: E501
from __future__ import annotations

from .table import Option, Verb
'''
KUBECTLS = {one.name for one in fields(Access)}


def group() -> Any:
    return typer.main.get_command(build(Console()))


def verbs(group: Any) -> list[Verb]:
    return [Verb(name, " ".join(_words(one) for one in _params(group, verb, "argument")), help.summary(verb))
            for name, verb in group.commands.items() if not verb.hidden]  # fmt: skip


def options(group: Any) -> list[Option]:
    """Each once, with all verbs that have it; one that differs in anything is another."""
    rows: dict[tuple[Any, ...], list[str]] = {}
    for name, verb in group.commands.items():
        for param in [] if verb.hidden else _params(group, verb, "option"):
            rows.setdefault(_row(group, verb, param), []).append(name)
    return [Option(*row[:3], " ".join(having), *row[3:]) for row, having in rows.items()]


def text() -> str:
    built = group()
    parts = [HEAD, f"DEFAULT = {_quoted(DEFAULT_VERB)}"]
    for name, kind, rows in (("VERBS", "Verb", verbs(built)), ("OPTIONS", "Option", options(built))):
        parts += [f"{name}: tuple[{kind}, ...] = (", *(f"    {_call(row)}," for row in rows), ")"]
    return "\n".join(parts) + "\n"


def context(group: Any, verb: Any) -> Any:
    return typer.Context(verb, info_name=verb.name, parent=typer.Context(group, info_name="kubectl netns", **group.context_settings))


def _params(group: Any, verb: Any, kind: str) -> list[Any]:
    return [one for one in verb.get_params(context(group, verb)) if one.param_type_name == kind]


def _words(param: Any) -> str:
    """`POD...` of any number; a metavar may be several words, as `POD -- COMMAND`, of which the last may be repeated."""
    metavars = [one.strip("[]").rstrip(".…") for one in (param.metavar or param.name.upper()).split() if one != "--"]
    return " ".join(metavars) + ("..." if param.nargs == -1 else "")


def _row(group: Any, verb: Any, param: Any) -> tuple[Any, ...]:
    flag = param.is_flag or param.count
    values = [] if flag else help.values(param, context(group, verb))
    shared = param.name in KUBECTLS and getattr(param, "rich_help_panel", None) == CLUSTER
    metavar = "" if flag else param.metavar or "VALUE"
    names = sorted([*param.opts, *param.secondary_opts], key=lambda name: not name.startswith("--"))  # click's --help has no order
    return (" ".join(names), metavar, param.help or "", " ".join(values), bool(param.multiple), shared,
            bool(param.hidden))  # fmt: skip


def _call(row: Option | Verb) -> str:
    """As it is written by hand: what has its default is left out."""
    given = [(one.name, getattr(row, one.name)) for one in fields(row) if getattr(row, one.name) != one.default]
    plain = [_quoted(getattr(row, one.name)) for one in fields(row) if one.name in ("names", "metavar", "help", "verbs", "name", "arguments")]
    named = [f"{name}={_quoted(value)}" for name, value in given if name in ("values", "several", "kubectls", "hidden")]
    return f"{type(row).__name__}({', '.join([*plain, *named])})"


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    FILE.write_text(text())
