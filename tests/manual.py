"""The man page `kubectl_netns/kubectl-netns.1`, made from the same help texts as `--help`: `make reference` writes it, a test compares.

It bears no date, so that making it twice gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubectl_netns import __version__, errors
from kubectl_netns.commands import help
from kubectl_netns.errors import ExitStatus
from tests.frozen import context, group

FILE = Path(__file__).parents[1] / "kubectl_netns" / "kubectl-netns.1"
VARIABLES = {
    "KUBECONFIG": "As kubectl reads it: one kubeconfig, or several with colons between them.",
    "NO_COLOR": "No colours on the terminal, if set.",
    "KUBECTL_NETNS_TRACEBACK": "Where an unexpected failure happened is told, if set.",
}
NOTE = "This page and --help are made from the same text."


def text() -> str:
    return "\n".join(line for line in _page(group()) if line) + "\n"


def _page(built: Any) -> Iterator[str]:
    prose, examples = help.parts(built.help)
    headline, _, rest = prose.partition("\n\n")
    yield f'.TH KUBECTL-NETNS 1 "" "kubectl-netns {__version__}" "kubectl plug-ins"'
    yield ".SH NAME\n" + rf"kubectl\-netns \- {_plain(headline[0].lower() + headline[1:].rstrip('.'))}"
    yield ".SH SYNOPSIS\n.B kubectl netns\n[\\fIVERB\\fR] [\\fIWORDS\\fR].\\|.\\|. [\\fIOPTIONS\\fR]"
    yield ".SH DESCRIPTION\n" + _prose(rest)
    yield from _examples(examples, ".SH EXAMPLES")
    shared: dict[str, dict[tuple[str, str], list[str]]] = {}
    yield ".SH VERBS"
    for name, verb in built.commands.items():
        yield from _verb(name, verb, built, shared)
    everyone = {heading: set().union(*rows.values()) for heading, rows in shared.items()}
    for heading, rows in shared.items():
        yield f".SH {heading.upper()}"
        for (left, right), having in rows.items():
            only = "" if set(having) == everyone[heading] else f" Only with {_and(having)}."
            yield _row(left, right + only)
    yield ".SH EXIT STATUS"
    for status, meaning in _statuses():
        yield _row(str(int(status)), meaning)
    yield ".SH ENVIRONMENT"
    for name, meaning in {**_variables(built), **VARIABLES}.items():
        yield _row(name, meaning)
    yield ".SH SEE ALSO\n.BR kubectl (1),\n.BR ip\\-netns (8)"
    yield f".SH NOTES\n{_plain(NOTE)}"


def _verb(name: str, verb: Any, built: Any, shared: dict[str, dict[tuple[str, str], list[str]]]) -> Iterator[str]:
    """Its own arguments and options; those that verbs share are put into `shared`, by heading, and only named."""
    here = context(built, verb)
    prose, examples = help.parts(verb.help)
    yield f".SS {_plain(' '.join([name, *verb.collect_usage_pieces(here)]))}"
    yield _prose(prose)
    yield from _examples(examples, ".PP")
    headings = help.grouped(verb, here)
    for heading in (help.ARGUMENTS, help.OWN):
        for param in headings.pop(heading, []):
            if param.name != "help":
                yield _row(*help.record(param, here))
    for heading, params in headings.items():
        for param in params:
            shared.setdefault(heading, {}).setdefault(help.record(param, here), []).append(name)
    if headings:
        yield ".PP\nAlso the options under " + _plain(_and([f"“{heading}”" for heading in headings])) + "."


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _statuses() -> list[tuple[ExitStatus, str]]:
    """From the tree in the docstring of `errors`, where a test sees that none is missing; the others are said here."""
    drawn = re.findall(r"[├└]── \w+ +(\d+) +(.+)", errors.__doc__ or "")
    meanings = {0: "answered", 7: "the answer is incomplete: it is printed, and the warnings say what is missing",
                9: "this machine's Python is missing, or older than 3.10 (the launcher in krew's archive tells)"}  # fmt: skip
    for number, meaning in drawn:
        meanings.setdefault(int(number), meaning)
    meanings[1] = "unexpected failure; " + meanings[1]
    return [(status, meanings[int(status)]) for status in ExitStatus]


def _variables(built: Any) -> dict[str, str]:
    return {
        param.envvar: f"The same as {param.opts[0]}."
        for verb in built.commands.values() for param in verb.params if getattr(param, "envvar", None)
    }  # fmt: skip


def _plain(text: str) -> str:
    """Words as troff prints them; a line that begins with a control character would be a command."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("“", "\\(lq").replace("”", "\\(rq").replace("…", ".\\|.\\|.")
    return re.sub(r"(?m)^(?=[.'])", r"\\&", escaped)


def _prose(text: str) -> str:
    return "\n.PP\n".join(_plain(" ".join(paragraph.split())) for paragraph in text.split("\n\n") if paragraph.strip())


def _examples(lines: list[str], heading: str) -> Iterator[str]:
    if lines:
        body = "\n".join(_plain(line) if line else ".sp" for line in lines)
        yield f"{heading}\n.RS 2\n.nf\n{body}\n.fi\n.RE"


def _row(left: str, right: str) -> str:
    return f".TP\n.B {_plain(left)}\n{_plain(' '.join(right.split()))}"


if __name__ == "__main__":
    FILE.write_text(text())
