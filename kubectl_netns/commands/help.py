"""How `--help` is laid out: a sentence, examples, and the options under the headings that their `rich_help_panel` names.

A docstring is the help: its first paragraph is what the list of verbs shows; after a line `Examples:` come commands, which are
printed as they are written, and which tests/cluster/test_examples.py runs. Typer groups options only with Rich, and that one
draws boxes around them.
"""

from __future__ import annotations

from typing import Any

import typer.core

EXAMPLES = "Examples:"
ARGUMENTS, OWN = "Arguments", "Options"


def summary(verb: Any) -> str:
    """One line: the first paragraph."""
    return " ".join((verb.help or "").partition("\n\n")[0].split())


def parts(text: str) -> tuple[str, list[str]]:
    """The prose of a help text, and the lines of its examples without their indentation."""
    prose, _, examples = text.partition(f"\n{EXAMPLES}\n")
    return prose.strip(), [line.strip() for line in examples.strip().splitlines()]


def grouped(verb: Any, context: Any) -> dict[str, list[Any]]:
    """The parameters that are shown, by heading: its arguments, its own options, then those that verbs share."""
    headings: dict[str, list[Any]] = {ARGUMENTS: [], OWN: []}
    for param in verb.get_params(context):
        if not getattr(param, "hidden", False):
            own = ARGUMENTS if param.param_type_name == "argument" else OWN
            headings.setdefault(getattr(param, "rich_help_panel", None) or own, []).append(param)
    return {heading: params for heading, params in headings.items() if params}


def values(param: Any, context: Any) -> list[str]:
    """The words that an option takes, where they are few: an Enum's, or those of its `autocompletion`."""
    return [one.value for one in param.shell_complete(context, "") if one.type == "plain"]


def record(param: Any, context: Any) -> tuple[str, str]:
    """What stands left and right in the list of parameters. Typer's own words for this change with its versions."""
    if param.param_type_name == "argument":
        return param.metavar or param.name.upper(), param.help or ""
    left = ", ".join(sorted([*param.opts, *param.secondary_opts], key=len))
    if param.is_flag or param.count:
        return left, param.help
    default = getattr(param.default, "value", param.default)
    notes = [f"env var: {param.envvar}"] * bool(param.envvar) + [f"default: {default}"] * (default not in (None, ""))
    metavar = param.metavar or "|".join(values(param, context)) or "VALUE"
    return f"{left} {metavar}", param.help + (f"  [{'; '.join(notes)}]" if notes else "")


def _write_text(text: str, formatter: Any) -> None:
    prose, examples = parts(text)
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(prose)
    if examples:
        with formatter.section(EXAMPLES.removesuffix(":")):
            for line in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}".rstrip() + "\n")


class Verb(typer.core.TyperCommand):
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As kubectl writes it, `POD...`; click would put a bracket around whatever an option may stand for."""
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return [self.options_metavar or "", *(record(one, ctx)[0] + ("..." if one.nargs == -1 else "") for one in arguments)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        _write_text(self.help or "", formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for heading, params in grouped(self, ctx).items():
            with formatter.section(heading):
                formatter.write_dl([record(param, ctx) for param in params])


class Verbs(typer.core.TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Before a verb stand no options (`cli.arrange`); a --help that is not given would cost 0.06 s, for pydantic."""
        self.add_help_option = not args or args[0] not in self.commands
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        _write_text(self.help or "", formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The verbs, each with its whole sentence, where click would cut it off; --help goes without saying."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, summary(verb)) for name, verb in self.commands.items() if not verb.hidden])
