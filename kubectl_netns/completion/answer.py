"""From the words so far to candidates, in the form that kubectl wants: one a line, a tab and a description, last `:` and bits.

What exists in the cluster or in the kubeconfig is asked of kubectl's own completion: that takes 0.05 s, where importing
`kubernetes` takes 0.3, and it offers what a user of `kubectl exec` or `kubectl get` is used to. An answer that does not come in
time is none: nothing here is ever an error, and nothing goes to stderr.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from ..client import kubectl
from ..errors import NetnsError
from .table import Option
from .verbs import DEFAULT, OPTIONS, VERBS
from .words import Grammar, Place, read

NO_SPACE, NO_FILES, ONLY_FOLDERS, FILES = 2, 4, 16, 0
SECONDS = 0.8
AGENTS = "node-debugger-"  # as `kubectl debug node/NODE` calls its pods
# for what a metavar stands: the words of kubectl after which it completes just that
KUBECTLS = {"POD": ("exec",), "NODE": ("get", "nodes"), "NAMESPACE": ("get", "namespaces")}
SHELLS = {"FILE": FILES, "FOLDER": ONLY_FOLDERS}
GRAMMAR = Grammar(VERBS, OPTIONS, DEFAULT)

Ask = Callable[..., tuple[list[str], int]]
Candidates = list[tuple[str, str]]


def main() -> None:
    """`kubectl_complete-netns WORD…`, and `kubectl-netns __complete WORD…`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    words = sys.argv[1:]
    text = f":{NO_FILES}\n"
    try:
        text = answer(words[1:] if words[:1] == ["__complete"] else words, ask)
    except Exception:
        if "KUBECTL_NETNS_TRACEBACK" in os.environ:
            raise
    try:
        os.write(1, text.encode(errors="replace"))
    except OSError:
        pass  # nobody listens


def answer(words: Sequence[str], ask: Ask) -> str:
    """`ask` runs kubectl's completion for the words that it is given, and gives the candidates with their bits."""
    place = read(words or [""], GRAMMAR)
    found, bits = _candidates(place, ask)
    fitting = [(place.before + text, help) for text, help in found if text.startswith(place.rest)]
    if fitting and all(text[-1:] in ("/", ",") for text, _ in fitting):
        bits |= NO_SPACE
    lines = [f"{text}\t{help}" if help else text for text, help in fitting]
    return "\n".join([*lines, f":{bits}"]) + "\n"


def ask(*words: str) -> tuple[list[str], int]:
    """Nothing where there is no kubectl, or no answer in time."""
    try:
        child = kubectl.find(kubectl.Connection()).start("__complete", *words)
    except (NetnsError, OSError):
        return [], NO_FILES
    try:
        stdout, _ = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # with credential plug-ins: it leads a session of its own
        child.wait()
        return [], NO_FILES
    *lines, last = stdout.splitlines() or [""]
    bits = int(last[1:]) if last[:1] == ":" and last[1:].isdecimal() else 1
    if child.returncode or bits & 1:  # cobra's bit for an error
        return [], NO_FILES
    return [line.partition("\t")[0] for line in lines if not line.startswith("_activeHelp_")], bits


def _candidates(place: Place, ask: Ask) -> tuple[Candidates, int]:
    if place.option:
        return _values(place, place.option, ask)
    if place.is_flag:
        return _flags(place), NO_FILES
    if place.verb is None:
        default = GRAMMAR.verb(GRAMMAR.default)
        pods, bits = _argument(place, default.argument(0) if default else "", ask)
        return [*((verb.name, verb.help) for verb in GRAMMAR.verbs), *pods], bits
    return _argument(place, place.verb.argument(len(place.arguments)), ask)


def _values(place: Place, option: Option, ask: Ask) -> tuple[Candidates, int]:
    if option.is_list:
        head, comma, _ = place.rest.rpartition(",")
        already = head.split(",")
        more = [word for word in option.values.split() if word not in already]
        return [(f"{head}{comma}{word}", "") for word in more], NO_FILES | NO_SPACE
    if option.values:
        return [(word, "") for word in option.values.split()], NO_FILES
    if option.kubectls:
        found, bits = ask("get", *_handed_on(place), option.names.split()[0], place.rest)
        return [(text, "") for text in found], bits
    return _argument(place, option.metavar, ask)


def _flags(place: Place) -> Candidates:
    """Those that were not typed yet, or may be repeated; the long and the short name.

    Before a verb, those of the default verb; what that only knows to refuse, as --node, is for the verb that will follow.
    """
    typed = {name for name, _ in place.typed}
    options: list[Option] = GRAMMAR.options_of(place.verb or GRAMMAR.verb(GRAMMAR.default))
    if place.verb is None:
        options = [GRAMMAR.option(one.names.split()[0], None) or one if one.hidden else one for one in options]
    return [
        (name, option.help)
        for option in options
        if not option.hidden and (option.several or not typed & set(option.names.split()))
        for name in option.names.split()
    ]


def _argument(place: Place, metavar: str, ask: Ask) -> tuple[Candidates, int]:
    """What a metavar stands for; `POD|NAME` for either. Agents, ours and other people's, are offered to who asks for one."""
    for kind in metavar.split("|"):
        if kind == "VERB":
            return [(verb.name, verb.help) for verb in GRAMMAR.verbs], NO_FILES
        if kind == "COMMAND" and not place.ended:
            return [("--", "The command stands behind it.")], NO_FILES
        if kind in SHELLS:
            return [], SHELLS[kind]
        if kind in KUBECTLS and ("--local", None) not in place.typed:
            found, _ = ask(*KUBECTLS[kind], *_handed_on(place), place.rest)
            # after nothing is typed the kinds (`deployments/`) would only hide the names
            named = [text for text in found if place.rest or not text.endswith("/")]
            wanted = place.rest.rpartition("/")[2].startswith(AGENTS)
            named = [text for text in named if wanted or not text.rpartition("/")[2].startswith(AGENTS)]
            return [(text, "") for text in named if text not in place.arguments], NO_FILES
    return [], NO_FILES


def _handed_on(place: Place) -> list[str]:
    """What was typed of kubectl's own flags, for kubectl. Our limit comes last, and the last one counts."""
    flags = []
    for name, value in place.typed:
        option = GRAMMAR.option(name, place.verb)
        if option and option.kubectls:
            flags.append(option.names.split()[0] + ("" if value is None else f"={value}"))
    return [*flags, "--request-timeout=1s"]


