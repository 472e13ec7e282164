"""Options that several verbs share, each written once, and the values that they become."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, Optional, get_type_hints

import typer

from ..client.agent_pod import Spec
from ..client.kubectl import Connection
from ..errors import ExitStatus, UsageError
from .console import Console

CLUSTER = "Which cluster"
AGENT = "The agent on the node"
OUTPUT = "Output"
SHOWN = ("routes", "neighbours", "rules", "sockets", "statistics")
DEFAULT_IMAGE = "docker.io/library/python:3-alpine"


class Format(str, Enum):
    table = "table"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    ip = "ip"
    name = "name"


@dataclass(frozen=True)
class Common:
    """What every verb that looks at namespaces can be told. The annotations are what Typer reads."""

    namespace: Annotated[
        Optional[str],
        typer.Option("--namespace", "-n", metavar="NAMESPACE", rich_help_panel=CLUSTER, help="Namespace of the pods."),
    ] = None
    context: Annotated[
        Optional[str], typer.Option("--context", metavar="NAME", rich_help_panel=CLUSTER, help="Context to use.")
    ] = None
    kubeconfig: Annotated[
        Optional[str], typer.Option("--kubeconfig", metavar="FILE", rich_help_panel=CLUSTER, help="Kubeconfig file to use.")
    ] = None
    local: Annotated[
        bool, typer.Option("--local", rich_help_panel=CLUSTER, help="Look at this machine itself; no cluster is asked.")
    ] = False
    image: Annotated[
        str,
        typer.Option(
            "--image", metavar="IMAGE", envvar="KUBECTL_NETNS_IMAGE", rich_help_panel=AGENT,
            help="Image to run the agent in: any that has python3.",
        ),
    ] = DEFAULT_IMAGE  # fmt: skip
    agent_namespace: Annotated[
        Optional[str],
        typer.Option(
            "--agent-namespace", metavar="NAMESPACE", rich_help_panel=AGENT,
            help="Namespace to run the agent's pod in, by default the context's.",
        ),
    ] = None  # fmt: skip
    timeout: Annotated[
        str,
        typer.Option(
            "--timeout", metavar="TIME", rich_help_panel=AGENT, help="How long a node may take: 90, 90s or 2m."
        ),
    ] = "60s"  # fmt: skip
    output: Annotated[
        Format, typer.Option("--output", "-o", rich_help_panel=OUTPUT, help="How to print the answer.")
    ] = Format.table
    show: Annotated[
        str,
        typer.Option(
            "--show", metavar="WHAT,...", rich_help_panel=OUTPUT,
            help="Also routes, neighbours, rules, sockets, statistics; or all.",
        ),
    ] = ""  # fmt: skip

    @property
    def shown(self) -> tuple[str, ...]:
        """What else is asked for. Raises UsageError for a word that is none of SHOWN."""
        words = [word.strip() for word in self.show.split(",") if word.strip()]
        unknown = [word for word in words if word not in (*SHOWN, "all")]
        if unknown:
            raise UsageError(f'--show does not know "{unknown[0]}"', f"it takes {', '.join(SHOWN)}, or all")
        return SHOWN if "all" in words else tuple(word for word in SHOWN if word in words)

    @property
    def connection(self) -> Connection:
        return Connection(self.kubeconfig, self.context, self.namespace)

    @property
    def seconds(self) -> float:
        return duration(self.timeout)

    def spec(self, default_namespace: str) -> Spec:
        return Spec(self.image, self.agent_namespace or default_namespace, self.seconds)


def duration(text: str) -> float:
    """Seconds of `90`, `90s`, `2m` or `1h`. Raises UsageError."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    if not number.isdecimal() or not 0 < int(number) * unit <= 3600:
        raise UsageError(f'"{text}" is no time: write 90, 90s or 2m, an hour at most')
    return float(int(number) * unit)


def bind(verb: Callable[..., ExitStatus], console: Console) -> Callable[..., ExitStatus]:
    """The function that Typer calls: with the console in it and, where the verb has `common`, with Common's options."""
    signature = inspect.signature(verb, eval_str=True)
    hints = get_type_hints(Common, include_extras=True)
    shared = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(Common)
        if "common" in signature.parameters
    ]
    own = [parameter for name, parameter in signature.parameters.items() if name not in ("common", "console")]
    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *shared]

    def bound(**given: Any) -> ExitStatus:
        common = {"common": Common(**{one.name: given.pop(one.name) for one in shared})} if shared else {}
        return verb(console=console, **common, **given)

    bound.__doc__ = verb.__doc__
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    bound.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return bound
