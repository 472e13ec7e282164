"""Options that several verbs share, each written once, and the values that they become."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_type_hints

import typer

from ..client.kubectl import Connection
from ..errors import UsageError
from .console import Console

if TYPE_CHECKING:
    from ..client.agent_pod import Spec

CLUSTER = "Which cluster"
AGENT = "The agent on the node"
OUTPUT = "Output"
SHOWN = ("routes", "neighbours", "rules", "sockets", "statistics")
REQUEST_TIMEOUT = 30.0
DEFAULT_IMAGE = "docker.io/library/python:3-alpine"
HOUR = 3600.0
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": HOUR}
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
PLAIN, GO = re.compile(r"[0-9]+"), re.compile(f"(?:{PART.pattern})+")


class Format(str, Enum):
    table = "table"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    ip = "ip"
    name = "name"


def _of_kubectl(*names: str, metavar: str, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, rich_help_panel=CLUSTER)


def _of_the_agent(*names: str, metavar: str, help: str, envvar: str | None = None) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, envvar=envvar, rich_help_panel=AGENT)


def _shown() -> list[str]:
    """What completion offers; by name: in an annotation a lambda would not see SHOWN."""
    return [*SHOWN, "all"]


Text = Optional[str]


@dataclass(frozen=True)
class Access:
    """Which cluster and as whom: kubectl's global flags, with its names and meanings. The annotations are what Typer reads."""

    namespace: Annotated[Text, _of_kubectl("--namespace", "-n", metavar="NAMESPACE", help="Namespace of the pods.")] = None
    context: Annotated[Text, _of_kubectl("--context", metavar="NAME", help="Context of the kubeconfig.")] = None
    kubeconfig: Annotated[Text, _of_kubectl("--kubeconfig", metavar="FILE", help="Kubeconfig to use.")] = None
    cluster: Annotated[Text, _of_kubectl("--cluster", metavar="NAME", help="Cluster of the kubeconfig.")] = None
    user: Annotated[Text, _of_kubectl("--user", metavar="NAME", help="User of the kubeconfig.")] = None
    server: Annotated[Text, _of_kubectl("--server", "-s", metavar="URL", help="The API server's address.")] = None
    token: Annotated[Text, _of_kubectl("--token", metavar="TOKEN", help="Bearer token for the API server.")] = None
    as_user: Annotated[Text, _of_kubectl("--as", metavar="USER", help="User to impersonate.")] = None
    as_group: Annotated[
        Optional[list[str]], _of_kubectl("--as-group", metavar="GROUP", help="Group to impersonate; may be repeated.")
    ] = None
    as_uid: Annotated[Text, _of_kubectl("--as-uid", metavar="UID", help="UID to impersonate.")] = None
    request_timeout: Annotated[
        Text, _of_kubectl("--request-timeout", metavar="TIME", help="How long one request to the API server may take.")
    ] = None
    insecure_skip_tls_verify: Annotated[
        bool, typer.Option("--insecure-skip-tls-verify", help="Do not check the server's certificate.", rich_help_panel=CLUSTER)
    ] = False
    tls_server_name: Annotated[
        Text, _of_kubectl("--tls-server-name", metavar="NAME", help="Name that the server's certificate must bear.")
    ] = None
    certificate_authority: Annotated[
        Text, _of_kubectl("--certificate-authority", metavar="FILE", help="Certificate that the server's is checked against.")
    ] = None
    client_certificate: Annotated[
        Text, _of_kubectl("--client-certificate", metavar="FILE", help="Client certificate for TLS.")
    ] = None
    client_key: Annotated[Text, _of_kubectl("--client-key", metavar="FILE", help="Its key.")] = None
    cache_dir: Annotated[Text, _of_kubectl("--cache-dir", metavar="FOLDER", help="kubectl's cache.")] = None
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell what is done, each step with its time.", rich_help_panel=OUTPUT)
    ] = False

    @property
    def connection(self) -> Connection:
        shared = {one.name: getattr(self, one.name) for one in fields(Connection) if hasattr(self, one.name)}
        return Connection(**shared, as_groups=tuple(self.as_group or ()))

    @property
    def request_seconds(self) -> float:
        """What one request may take; 0 is kubectl's word for no limit, and everything here has one."""
        if self.request_timeout in (None, "0"):
            return REQUEST_TIMEOUT
        return duration("--request-timeout", self.request_timeout, math.inf)


@dataclass(frozen=True)
class Agents(Access):
    """Where agents live, and how long they may take."""

    image: Annotated[
        str, _of_the_agent("--image", metavar="IMAGE", envvar="KUBECTL_NETNS_IMAGE", help="Image with python3 for the agent.")
    ] = DEFAULT_IMAGE
    agent_namespace: Annotated[
        Text, _of_the_agent("--agent-namespace", metavar="NAMESPACE", help="Namespace of its pod; by default the context's.")
    ] = None
    timeout: Annotated[str, _of_the_agent("--timeout", metavar="TIME", help="How long a node may take: 90s or 1m30s.")] = "60s"

    keep: Annotated[
        str,
        _of_the_agent(
            "--keep", metavar="TIME", envvar="KUBECTL_NETNS_KEEP", help="Leave it for the next command on its node, for so long."
        ),
    ] = "0"

    @property
    def seconds(self) -> float:
        return duration("--timeout", self.timeout)

    @property
    def kept(self) -> float:
        return 0.0 if self.keep in ("", "0") else float(math.ceil(duration("--keep", self.keep)))

    def spec(self, default_namespace: str) -> Spec:
        from ..client.agent_pod import Spec

        return Spec(self.image, self.agent_namespace or default_namespace, self.seconds, self.kept)


@dataclass(frozen=True)
class Anywhere(Agents):
    """A cluster's nodes, or this machine."""

    local: Annotated[
        bool, typer.Option("--local", help="Look at this machine itself; no cluster is asked.", rich_help_panel=CLUSTER)
    ] = False

    def named(self, node: Optional[list[str]], all_nodes: bool, hint: str | None = None) -> list[str] | None:
        """The nodes of --node, `a,b` or one by one; None where there are none. Raises UsageError for what goes not together."""
        if self.local and (node or all_nodes):
            raise UsageError("--node and --all-nodes are about a cluster, --local is about this machine")
        if node and all_nodes:
            raise UsageError("--node and --all-nodes exclude each other", hint)
        names = (name.removeprefix("node/") for one in node or [] for name in one.split(","))
        return list(dict.fromkeys(names)) or None


@dataclass(frozen=True)
class Common(Anywhere):
    """What every verb that looks at namespaces can be told."""

    output: Annotated[
        Format, typer.Option("--output", "-o", help="How to print the answer.", rich_help_panel=OUTPUT)
    ] = Format.table
    show: Annotated[
        str,
        typer.Option(
            "--show", metavar="WHAT,...", rich_help_panel=OUTPUT, autocompletion=_shown,
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


def duration(option: str, text: str, most: float = HOUR) -> float:
    """Seconds of `90`, or of Go's `90s`, `2m`, `1m30s`, `500ms`. Raises UsageError, which names the option."""
    parts = [(text, "s")] if PLAIN.fullmatch(text) else PART.findall(text) if GO.fullmatch(text) else []
    if not parts:
        raise UsageError(f'{option}: "{text}" is no time', "write 90, 90s, 2m or 1m30s")
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= most:
        raise UsageError(f"{option}: {text} is {'too long' if seconds else 'no time at all'}", "an hour is the most")
    return seconds


@functools.cache
def _annotations(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)  # 1 ms for each of the verbs, which share four classes


def bind(verb: Callable[..., int], console: Console) -> Callable[..., int]:
    """The function that Typer calls: with the console in it and, where the verb has `common`, with the options of its class."""
    signature = inspect.signature(verb, eval_str=True)
    kind: Any = signature.parameters["common"].annotation if "common" in signature.parameters else None
    hints = _annotations(kind) if kind else {}
    shared = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in (fields(kind) if kind else ())
    ]
    own = [parameter for name, parameter in signature.parameters.items() if name not in ("common", "console")]
    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *shared]

    def bound(**given: Any) -> int:
        common = {"common": kind(**{one.name: given.pop(one.name) for one in shared})} if kind else {}
        console.verbose = any(getattr(one, "verbose", False) for one in common.values())
        return verb(console=console, **common, **given)

    bound.__doc__ = verb.__doc__
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    bound.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return bound
