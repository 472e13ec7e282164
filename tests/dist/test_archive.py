"""krew's archive, installed under an empty HOME, run through kubectl, with whatever Python, locale and terminal there is."""

from __future__ import annotations

import ast
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import kubectl_netns
from kubectl_netns.client import bundle
from kubectl_netns.errors import ExitStatus

from tests.unit.client import oidc

from .conftest import ROOT, Dist, Installed, pythons, tools

VERSION = f"kubectl-netns {kubectl_netns.__version__}"
LAUNCHER = ROOT / "krew" / "kubectl-netns"
GOOD = {version: python for version, python in pythons().items() if version >= (3, 10)}
OLD = {version: python for version, python in pythons().items() if (3, 0) < version < (3, 10)}
# what commands with a cluster import
EVERYTHING = """
import json, sys
sys.path.insert(0, "lib")
from kubectl_netns import cli
from kubectl_netns.client import lean, survey
from kubectl_netns.commands import answering
lean.load()
import tabulate, yaml
import requests.utils, requests_oauthlib, urllib3.contrib.socks  # when they are needed
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("python", GOOD.values(), ids=map(str, GOOD))
def test_it_runs_through_kubectl_with_any_python(installed: Installed, tmp_path: Path, python: Path) -> None:
    path = tools(tmp_path / "tools", python3=python)
    for _ in range(2):  # the second time from the bytecode of the first
        answer = installed.netns("version", tools=path, PYTHONPATH="/nonexistent", PYTHONHOME="/nonexistent")
        assert (answer.status, answer.err) == (0, "") and answer.out.startswith(VERSION)
    helped = installed.netns("--help", tools=path)
    assert helped.status == 0 and "kubectl netns list --all-nodes" in helped.out
    assert list(installed.store.rglob("__pycache__/*.pyc"))


def test_help_has_the_options_that_it_has_elsewhere(installed: Installed, path: Path) -> None:
    """With the Typer of the lock, and without its coloured help, which ours does not use; the rest is each Typer's own wording."""
    for words in ([], ["list"], ["show"], ["cleanup"]):
        here = subprocess.run([sys.executable, "-m", "kubectl_netns", *words, "--help"], capture_output=True, text=True, cwd=ROOT)
        ours, theirs = ({*re.findall(r"--?[a-z][a-z-]*", text)} for text in (installed.netns(*words, "--help", tools=path).out, here.stdout))
        assert ours == theirs and "--help" in ours


def test_the_archive_has_what_is_used_and_no_more(installed: Installed) -> None:
    result = subprocess.run([max(GOOD.items())[1], "-I", "-S", "-B", "-c", EVERYTHING], cwd=installed.store, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    sent = {name for names in bundle.LIBRARIES.values() for name in names}
    packages = {one.name.removesuffix(".py") for one in (installed.store / "lib").iterdir() if one.suffix != ".dist-info"}
    assert packages <= {*ast.literal_eval(result.stdout), *sent}
    assert sent <= packages


def test_an_oidc_token_that_has_run_out_is_renewed(installed: Installed, tmp_path: Path) -> None:
    """With the `kubernetes` of the archive, most of which is left out."""
    prelude = "import sys; sys.path.insert(0, 'lib')\n"
    answer = oidc.renewed([max(GOOD.items())[1], "-I", "-S", "-B"], tmp_path, installed.store, prelude)
    assert answer == f"Bearer {oidc.RENEWED}"


def test_a_folder_that_cannot_be_written_does_no_harm(installed: Installed, path: Path) -> None:
    for folder in (installed.store, *(one for one in installed.store.rglob("*") if one.is_dir())):
        folder.chmod(0o555)
    words = [str(path / "kubectl"), "netns", "version"]
    if os.geteuid() == 0:  # who may write everywhere, unless the file system is mounted read-only
        script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        words = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, str(installed.store), *words]
    answer = installed.run(words, Path(f"{path}:/usr/bin:/bin"))
    assert (answer.status, answer.err) == (0, "") and answer.out.startswith(VERSION)
    assert not list(installed.store.rglob("*.pyc"))


def test_without_krew_as_the_readme_says(built: Dist, path: Path, tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text().partition("### Without a network")[2].partition("\n##")[0]
    script = "\n".join(line for line in section.splitlines() if line.startswith("    ") and "export" not in line)
    (tmp_path / "home").mkdir()
    environment = {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path}/home/.local/bin:{path}:/usr/bin:/bin"}
    run = ["/bin/sh", "-ec", f"{script}\nkubectl netns version"]
    result = subprocess.run(run, cwd=built.folder, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.startswith(VERSION)


@pytest.mark.parametrize("version", OLD, ids=map(str, OLD))
def test_a_python_that_is_too_old_says_so(installed: Installed, tmp_path: Path, version: tuple[int, int]) -> None:
    answer = installed.netns("version", tools=tools(tmp_path / "tools", python3=OLD[version]))
    assert (answer.status, answer.out) == (ExitStatus.PYTHON, "")
    told = r"error: kubectl netns needs Python 3\.10 or newer, and python3 on your PATH is {}\.{} \(.*\)\n"
    assert re.fullmatch(told.format(*version), answer.err)


def test_the_launcher_is_readable_by_old_pythons(installed: Installed, tmp_path: Path) -> None:
    ast.parse(LAUNCHER.read_text(), feature_version=(3, 4))
    LAUNCHER.read_bytes().decode("ascii")
    if (2, 7) in pythons():
        answer = installed.run([str(pythons()[2, 7]), str(installed.bin / "kubectl-netns")], tools(tmp_path / "tools"))
        assert (answer.status, "is 2.7" in answer.err) == (ExitStatus.PYTHON, True)


def old(folder: Path, name: str = "python3") -> Path:
    """A Python that takes itself for 3.9, for machines that have no old one."""
    lie = "import sys; sys.version_info = (3, 9, 1); sys.argv = sys.argv[1:]; __file__ = sys.argv[0]; exec(open(__file__).read())"
    script = folder / name
    script.write_text(f'#!/bin/sh\nshift 2\nexec {shlex.quote(str(max(GOOD.items())[1]))} -c {shlex.quote(lie)} "$@"\n')
    script.chmod(0o755)
    return script


def test_an_old_python3_gives_way_to_a_newer_one_on_path(installed: Installed, tmp_path: Path) -> None:
    path = tools(tmp_path / "tools")
    old(path)
    answer = installed.netns("version", tools=path)
    assert (answer.status, answer.out) == (ExitStatus.PYTHON, "") and "is 3.9 (" in answer.err
    shim = path / "python3.99"  # outside of what is tried
    shim.symlink_to("/bin/false")
    (path / "python3.14").write_text("#!/bin/sh\necho broken >&2; exit 127\n")
    (path / "python3.14").chmod(0o755)
    (major, minor), newest = max(GOOD.items())
    (path / f"python{major}.{minor}").unlink(missing_ok=True)
    (path / f"python{major}.{minor}").symlink_to(newest)
    answer = installed.netns("version", tools=path)
    assert (answer.status, answer.err) == (0, "") and f"(Python {major}.{minor}." in answer.out


def test_without_any_python_it_says_so(installed: Installed, tmp_path: Path) -> None:
    answer = installed.netns("version", tools=tools(tmp_path / "tools"))
    message = "error: kubectl netns needs Python 3.10 or newer, and there is no python3 on your PATH\n"
    assert (answer.status, answer.out, answer.err) == (ExitStatus.PYTHON, "", message)


def test_a_python_without_python3_s_name_will_do(installed: Installed, tmp_path: Path) -> None:
    (version, python) = max((one for one in GOOD.items() if one[0] <= (3, 14)))
    answer = installed.netns("version", tools=tools(tmp_path / "tools", **{f"python{version[0]}_{version[1]}": python}))
    assert (answer.status, answer.err) == (0, "")


@pytest.mark.parametrize("environment", [
    {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"LANG": "xx_YY.nonsense"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"COLUMNS": "20"},
], ids=str)  # fmt: skip
def test_locales_and_terminals(installed: Installed, path: Path, environment: dict[str, str]) -> None:
    answer = installed.netns("version", tools=path, **environment)
    assert (answer.status, answer.err) == (0, "") and answer.out.startswith(VERSION)
    refused = installed.netns("pod-ä…", "--kubeconfig", "/nonexistent", tools=path, **environment)
    assert refused.status == 1 and refused.err.startswith("error: no usable kubeconfig")


@pytest.mark.parametrize(("redirection", "status"), [
    (">&-", 1), ("2>&-", 0), ("<&-", 0), (">/dev/full", 1), ("| head -c1 >/dev/null", 0), (">&- 2>&- <&-", 1),
])  # fmt: skip
def test_stdout_that_is_closed_full_or_read_by_head(installed: Installed, path: Path, redirection: str, status: int) -> None:
    """Without kubectl, which replaces what is closed by /dev/null before the plug-in starts."""
    script = f"kubectl-netns version {redirection}"
    answer = installed.run(["/bin/bash", "-o", "pipefail", "-c", script], Path(f"{path}:/usr/bin:/bin"))
    assert answer.status == status
    assert answer.err == "" if status == 0 or "2>" in redirection else answer.err.startswith("error: the answer cannot be written: ")


def test_help_into_a_reader_that_leaves(installed: Installed, path: Path) -> None:
    script = "for _ in 1 2 3; do kubectl netns --help | head -n1; done"
    answer = installed.run(["/bin/bash", "-c", script], Path(f"{path}:/usr/bin:/bin"))
    assert (answer.status, answer.err) == (0, "") and answer.out.count("\n") == 3


def test_a_locale_without_our_characters(installed: Installed, path: Path) -> None:
    """PYTHONIOENCODING stands in for a Latin-1 locale, which the machine may lack; so the launcher's -I is left out."""
    code = "import sys; sys.path.insert(0, 'lib'); from kubectl_netns import cli; from kubectl_netns.commands.console import Console\n"
    code += "cli.version.__globals__['platform'].python_version = lambda: 'x…'; sys.argv[1:] = ['version']; cli.main()"
    environment = {"PYTHONIOENCODING": "latin-1", "PATH": str(path)}
    result = subprocess.run([path / "python3", "-S", "-c", code], cwd=installed.store, env=environment, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"") and result.stdout.endswith(b"x\\u2026)\n")


def test_it_is_small(built: Dist) -> None:
    assert built.archive.stat().st_size < 2_000_000
    assert platform.system() in ("Linux", "Darwin")
