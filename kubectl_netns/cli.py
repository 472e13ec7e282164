"""The Typer app: the table of verbs, what stands before a verb, and the exit status. Nothing else.

kubectl users write options anywhere (`kubectl netns -n shop web`, `kubectl netns --node a list`), so options before the verb
are moved behind it, and a first word that is no verb is a pod's name: `arrange` does both before Typer sees the words.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from .commands import interrupts
from .commands.cleanup import cleanup
from .commands.completion import completion
from .commands.console import Console
from .commands.exec import SEPARATOR, exec_
from .commands.find import find
from .commands.help import Verb, Verbs
from .commands.helping import help_, meant
from .commands.link import link
from .commands.list import list_
from .commands.options import bind
from .commands.show import show
from .commands.unlink import unlink
from .commands.version import version
from .errors import ExitStatus, Interrupted, NetnsError, UsageError

DEFAULT_VERB = "show"
VERBS: dict[str, Callable[..., int]] = {
    DEFAULT_VERB: show, "list": list_, "exec": exec_, "find": find, "link": link, "unlink": unlink, "cleanup": cleanup,
    "completion": completion, "help": help_, "version": version,
}  # fmt: skip
TAKES_A_COMMAND = ("exec",)
LEVEL = re.compile(r"-v=?\d+|--v=\d+")
HELP = """Show and use the network namespaces of pods, from the workstation.

`show` may be left out: a first word that is no verb is a pod; `pod/list` is the pod of the name "list". Options may stand before
and behind the verb and its words, but kubectl wants none before `netns`; those that kubectl has too mean what they mean there.
`kubectl netns VERB --help` tells which a verb has.

Examples:
  # one pod's namespace, its interfaces and their host side
  kubectl netns web-1

  # several pods, with counters
  kubectl netns -l app=web -o wide

  # every namespace of a node, and of the whole cluster
  kubectl netns --node node-b list
  kubectl netns list --all-nodes

  # a shell inside, with the node's tools
  kubectl netns exec -it web-1 -- bash

  # whose is this? an address, a MAC, a veth, a container, a PID
  kubectl netns find 10.244.2.14

  # show it to `ip netns` on its node; unlink takes it back
  kubectl netns link web-1
  kubectl netns unlink web-1

  # this machine, without a cluster
  kubectl netns --local list
"""


def build(console: Console) -> typer.Typer:
    app = typer.Typer(
        cls=Verbs, help=HELP, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
        options_metavar="[VERB]", subcommand_metavar="[WORDS]... [OPTIONS]",
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    for name, verb in VERBS.items():
        app.command(name, cls=Verb, options_metavar="[OPTIONS]")(bind(verb, console))
    return app


def arrange(words: Sequence[str], group: Any) -> list[str]:
    """Put the verb first. `group` is the built command, which knows its verbs.

    Everything after `--` is left alone; a word that follows an option which takes a value is that value. For a verb that takes
    a command `--` is doubled: Typer removes the first, and the verb still sees where the command begins.
    """
    before, rest = _parted(_plain_v(words), group)
    if rest and rest[0] in group.commands:
        if rest[0] in TAKES_A_COMMAND and SEPARATOR in rest:
            rest.insert(rest.index(SEPARATOR), SEPARATOR)
        return [rest[0], *before, *rest[1:]]
    if not rest and (not before or {"-h", "--help"} & set(before)):
        return before or ["--help"]
    if before == ["--version"] and not rest:
        return ["version"]
    return [DEFAULT_VERB, *before, *rest]


def _parted(words: Sequence[str], group: Any) -> tuple[list[str], list[str]]:
    """The options that stand first, and all from the first word on that is none."""
    takes_value = {
        name
        for verb in group.commands.values()
        for option in verb.params
        if not getattr(option, "is_flag", True)
        for name in option.opts
    }
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] != "--":
        position += 2 if words[position] in takes_value else 1
    return list(words[:position]), list(words[position:])


def _see(words: Sequence[str], group: Any) -> str:
    """Where somebody whose words made no sense is sent."""
    first = next(iter(_parted(_plain_v(words), group)[1]), DEFAULT_VERB)
    verb = first if first in group.commands else DEFAULT_VERB
    return (meant(first, group.commands) if first != verb else None) or f"see `kubectl netns {verb} --help`"


def _plain_v(words: Sequence[str]) -> list[str]:
    """kubectl's -v takes a level (-v=6, -v 6, -v6, --v=6); ours has one only, and takes any for it."""
    end = words.index(SEPARATOR) if SEPARATOR in words else len(words)
    plain: list[str] = []
    for word in words[:end]:
        if LEVEL.fullmatch(word):
            plain.append("-v")
        elif not (word.isdecimal() and len(word) < 3 and plain[-1:] == ["-v"]):
            plain.append(word)
    return [*plain, *words[end:]]


def run(words: Sequence[str], console: Console) -> int:
    """The exit status. Everything that can be told to a user is told here, in one place."""
    group = typer.main.get_command(build(console))
    try:
        return int(group.main(arrange(words, group), prog_name="kubectl netns", standalone_mode=False) or 0)
    except typer.Exit as exit_:
        return exit_.exit_code
    except NetnsError as error:
        console.error(error)
        return error.status
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        console.error(interrupted := error if isinstance(error, Interrupted) else Interrupted("interrupted"))
        return interrupted.status
    except BrokenPipeError:
        # the reader has gone; nothing that Python still flushes may complain of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitStatus.ANSWERED
    except Exception as error:
        if hasattr(error, "format_message"):  # Typer's usage errors, whichever click it carries
            console.error(UsageError(error.format_message(), _see(words, group)))
            return ExitStatus.USAGE
        if "KUBECTL_NETNS_TRACEBACK" in os.environ:
            raise
        hint = "this is a bug; with KUBECTL_NETNS_TRACEBACK=1 it tells where"
        console.error(NetnsError(f"{type(error).__name__}: {error}", hint))
        return ExitStatus.FAILURE


def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no arrows gets the answer all the same
    interrupts.heed()
    console = Console()
    try:
        status = run(sys.argv[1:], console)
        interrupts.disregard()
    except Interrupted as interrupted:
        console.error(interrupted)
        status = interrupted.status
    sys.exit(status)
