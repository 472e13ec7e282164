"""Words before a verb, and how each kind of end becomes an exit status and a sentence."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from kubectl_netns import cli, errors
from kubectl_netns.client import search, survey
from kubectl_netns.commands.console import Console
from kubectl_netns.errors import ExitStatus
from tests.unit.facts import CONTAINERD, HOST, NAMED

ARRANGED = [
    (["web"], ["show", "web"]),
    (["web", "db"], ["show", "web", "db"]),
    (["-n", "shop", "web"], ["show", "-n", "shop", "web"]),
    (["web", "-n", "shop"], ["show", "web", "-n", "shop"]),
    (["--node", "a", "list"], ["list", "--node", "a"]),
    (["--node=a", "list", "-o", "json"], ["list", "--node=a", "-o", "json"]),
    (["-n", "list", "web"], ["show", "-n", "list", "web"]),
    (["-nlist", "web"], ["show", "-nlist", "web"]),
    (["--local", "list"], ["list", "--local"]),
    (["--local", "web"], ["show", "--local", "web"]),
    (["pod/list"], ["show", "pod/list"]),
    (["--", "list"], ["show", "--", "list"]),
    (["list"], ["list"]),
    (["version"], ["version"]),
    (["find", "list"], ["find", "list"]),
    (["--node", "a", "find", "7"], ["find", "--node", "a", "7"]),
    (["--kind", "pid", "find", "7"], ["find", "--kind", "pid", "7"]),
    (["pod/find"], ["show", "pod/find"]),
    (["-n", "shop", "link", "web"], ["link", "-n", "shop", "web"]),
    (["--name", "link", "link", "web"], ["link", "--name", "link", "web"]),
    (["--list", "link", "--node", "a"], ["link", "--list", "--node", "a"]),
    (["pod/unlink"], ["show", "pod/unlink"]),
    (["exec", "web", "--", "ls", "-l"], ["exec", "web", "--", "--", "ls", "-l"]),
    (["-n", "shop", "exec", "-it", "web", "--", "sh", "--", "x"], ["exec", "-n", "shop", "-it", "web", "--", "--", "sh", "--", "x"]),
    (["exec", "web", "ls"], ["exec", "web", "ls"]),
    (["pod/exec", "--", "ls"], ["show", "pod/exec", "--", "ls"]),
    (["-l", "app=web"], ["show", "-l", "app=web"]),
    (["-v=6", "web"], ["show", "-v", "web"]),
    (["--v=6", "list"], ["list", "-v"]),
    (["web", "-v", "9"], ["show", "web", "-v"]),
    (["web", "-v9", "-n", "8"], ["show", "web", "-v", "-n", "8"]),
    (["-v", "web", "6"], ["show", "-v", "web", "6"]),
    (["exec", "web", "-v=6", "--", "x", "-v=6"], ["exec", "web", "-v", "--", "--", "x", "-v=6"]),
    (["help"], ["help"]),
    (["help", "list"], ["help", "list"]),
    (["pod/help"], ["show", "pod/help"]),
    ([], ["--help"]),
    (["--help"], ["--help"]),
    (["-h"], ["-h"]),
    (["show", "web"], ["show", "web"]),
    (["pod/show"], ["show", "pod/show"]),
]


@pytest.mark.parametrize(("words", "expected"), ARRANGED, ids=[" ".join(words) or "nothing" for words, _ in ARRANGED])
def test_arrange(words: list[str], expected: list[str]) -> None:
    assert cli.arrange(words, typer.main.get_command(cli.build(Console()))) == expected


def outcome(monkeypatch: pytest.MonkeyPatch, verb: Callable[..., ExitStatus], *words: str) -> tuple[int, str, str]:
    monkeypatch.setitem(cli.VERBS, "version", verb)
    out, err = io.StringIO(), io.StringIO()
    return cli.run(["version", *words], Console(out, err)), out.getvalue(), err.getvalue()


def failing(error: BaseException) -> Callable[..., ExitStatus]:
    def verb(console: Console) -> ExitStatus:
        raise error

    return verb


TREE = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.NetnsError)]
STATUSES = {
    "NetnsError": 1, "UsageError": 2, "NotFoundError": 3, "NoNamespaceError": 4, "RefusedError": 5, "NodeError": 6,
    "KubectlError": 6, "ClusterError": 1, "ProtocolError": 1, "IncompleteError": 7, "ConflictError": 8, "NotExecutableError": 126,
    "NoCommandError": 127, "NoPodError": 3,
}  # fmt: skip


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_its_status(monkeypatch: pytest.MonkeyPatch, kind: type[errors.NetnsError]) -> None:
    name = ["web"] if issubclass(kind, errors.NoPodError) else []
    status, out, err = outcome(monkeypatch, failing(kind(*name, "what", "do this")))
    assert (status, out, err) == (STATUSES[kind.__name__], "", "error: what\nhint: do this\n")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    assert all(one.__name__ in drawn for one in TREE)


@pytest.mark.parametrize(("error", "status", "said"), [
    (KeyboardInterrupt(), 130, ""),
    (errors.Interrupted("interrupted by SIGHUP"), 130, "error: interrupted by SIGHUP\n"),
    (RuntimeError("oops"), 1, "RuntimeError: oops"),
    (typer.Exit(3), 3, ""),
])  # fmt: skip
def test_other_ends(monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, said: str) -> None:
    monkeypatch.delenv("KUBECTL_NETNS_TRACEBACK", raising=False)
    ended, _, err = outcome(monkeypatch, failing(error))
    assert ended == status and said in err and "Traceback" not in err


def test_a_bug_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL_NETNS_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        outcome(monkeypatch, failing(RuntimeError("oops")))


@pytest.mark.parametrize("status", list(ExitStatus))
def test_a_verbs_status_is_the_programs(monkeypatch: pytest.MonkeyPatch, status: ExitStatus) -> None:
    def verb(console: Console) -> ExitStatus:
        return status

    assert outcome(monkeypatch, verb)[0] == status


@pytest.mark.parametrize(
    "words", [["--bogus"], ["-o", "xml", "web"], ["list", "--node"], ["version", "extra"], ["--local", "-l", "a=b"], ["list"], ["-A"], ["web", "-A"], ["web", "-l", "a=b", "-A"],
     ["find"], ["find", "4711"], ["find", "net:[4026532576]"], ["find", "/proc/7/ns/net"], ["find", "a/b"], ["find", "a", "b"],
     ["find", "eth0", "--kind", "pid"], ["find", "eth0", "--kind", "pod"], ["find", "eth0", "--node", "a", "--all-nodes"],
     ["find", "eth0", "--local", "--node", "a"], ["find", "eth0", "--show", "all,of,it"],
     ["link"], ["unlink"], ["link", "--list"], ["link", "--list", "web"], ["link", "--list", "--name", "a"],
     ["link", "--list", "--all-nodes", "--node", "a"], ["link", "web", "--node", "a"], ["link", "web", "--all-nodes"],
     ["link", "web", "db", "--name", "mine"], ["link", "web", "--name", "a/b"], ["link", "web", "--name", ""],
     ["link", "web", "-o", "ip"], ["link", "web", "--show", "all"], ["link", "--local", "-l", "a=b"],
     ["unlink", "web", "--local", "--node", "a"], ["link", "--list", "--local", "--all-nodes"], ["unlink", "--local", "d/x"]],
    ids=" ".join,
)  # fmt: skip
def test_usage_errors(words: list[str]) -> None:
    err = io.StringIO()
    assert cli.run(words, Console(io.StringIO(), err)) == ExitStatus.USAGE
    assert err.getvalue().startswith("error: ")


def said(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return cli.run(words, Console(out, err)), out.getvalue(), err.getvalue()


@pytest.mark.parametrize(("words", "verb"), [
    (["lst", "--all-nodes"], "list"), (["exce", "-it", "web", "--", "ls"], "exec"), (["-n", "shop", "fnd", "x", "--kind", "pid"], "find"),
])  # fmt: skip
def test_a_mistyped_verb_with_another_verbs_options(words: list[str], verb: str) -> None:
    assert f"hint: did you mean `kubectl netns {verb}`?" in said(*words)[2]


def test_a_mistyped_verb_that_is_looked_for_as_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [errors.NoPodError(name, f'no pod "{name}"', "see there") for name in ("lst", "linke")]
    monkeypatch.setattr("kubectl_netns.commands.answering.reach", lambda *_: None)
    monkeypatch.setattr(survey, "pods", lambda *_: survey.Report((), tuple(missing)))
    assert said("lst", "linke")[2] == (
        'error: no pod "lst"\nhint: did you mean `kubectl netns list`? see there\nerror: no pod "linke"\nhint: see there\n')  # fmt: skip
    monkeypatch.setattr(survey, "local", lambda *_: survey.Report((), (missing[0],)))
    assert "kubectl netns list" in said("--local", "lst")[2]
    assert said("web")[2] == 'error: no pod "lst"\nhint: see there\nerror: no pod "linke"\nhint: see there\n'


def test_what_find_is_given_may_come_out_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    sought: list[search.Search] = []
    monkeypatch.setattr(search, "local", lambda asked, *_: sought.append(asked) or survey.Report(()))
    assert said("find", "--local", " 10.244.2.2\n")[0] == 0 and sought[0].word == "10.244.2.2"


def test_list_of_one_namespaces_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "local", lambda *_: survey.Report((HOST, CONTAINERD, NAMED)))
    words = ["--local", "list", "-o", "name"]
    assert len(said(*words)[1].splitlines()) == 3
    assert said(*words, "-n", "shop") == (0, "/run/netns/cni-26d4bfd1\n", "")
    assert said(*words, "-n", "blue") == (0, "", "no pod of namespace blue has a network namespace of its own there\n")


def test_help_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words, option in ((["help"], ["--help"]), (["help", "list"], ["list", "--help"])):
        assert said(*option)[0] == 0 and said(*words) == (0, capsys.readouterr().out, "")
    status, _, err = said("help", "lst")
    assert (status, err) == (2, 'error: there is no verb "lst"\nhint: did you mean `kubectl netns list`?\n')
    assert "`kubectl netns help` lists them" in said("help", "me")[2]


def test_version_as_an_option() -> None:
    assert said("--version") == said("version")


def test_every_flag_has_a_help_text_and_every_verb_a_sentence() -> None:
    group = typer.main.get_command(cli.build(Console()))
    for name, verb in group.commands.items():  # type: ignore[attr-defined]
        assert verb.help and verb.help.splitlines()[0].endswith("."), name
        for option in verb.params:
            assert getattr(option, "hidden", False) or getattr(option, "help", None), (name, option.name)


@pytest.mark.parametrize("words", [["--help"], ["list", "--help"], ["version"]])
def test_what_needs_no_cluster_loads_none_of_its_packages(words: list[str]) -> None:
    program = (
        "import sys; from kubectl_netns import cli; from kubectl_netns.commands.console import Console\n"
        f"assert cli.run({words!r}, Console()) == 0\n"
        "print(sorted({'kubernetes', 'docker', 'yaml', 'h2', 'urllib3'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.returncode, result.stderr.strip()) == (0, "[]")


def test_a_reader_that_goes_away_is_no_failure() -> None:
    command = f"{sys.executable} -m kubectl_netns --help | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_terminal_without_arrows_gets_the_answer() -> None:
    program = "import sys; from kubectl_netns import cli; cli.run = lambda words, console: console.answer('eth0→veth1'); cli.main()"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.getcwd()})
    assert (result.returncode, result.stdout, result.stderr) == (0, b"eth0\\u2192veth1\n", b"")


SLEEPER = """
import sys, time
from kubectl_netns import cli
from kubectl_netns.commands.console import Console
def version(console: Console) -> cli.ExitStatus:
    try:
        console.answer("ready")
        time.sleep(60)
    finally:
        console.answer("cleaning up")
        time.sleep(1)
        console.answer("cleaned up")
cli.VERBS["version"] = version
sys.argv = ["kubectl-netns", "version"]
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_through_its_clean_up_which_no_other_signal_ends(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == "cleaning up\n"
    for another in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process.send_signal(another)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "cleaned up\n", f"error: interrupted by {number.name}\n")
