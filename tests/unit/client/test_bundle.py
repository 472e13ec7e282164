"""The agent runs alone: from its zip, without anything that is installed, on every Python that it claims."""

from __future__ import annotations

import importlib.util
import io
import json
import marshal
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubectl_netns import wire
from kubectl_netns.client import bundle
from kubectl_netns.client.nodes import boot
from kubectl_netns.model import Pod
from kubectl_netns.questions import Answer, Question

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def python(version: str) -> str | None:
    """An interpreter of this version: on PATH, or among pyenv's."""
    if sys.version.startswith(f"{version}."):
        return sys.executable
    known = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python3"))
    return str(known[-1]) if known else shutil.which(f"python{version}")


def requests(question: Question) -> bytes:
    said: list[bytes] = []
    writer = wire.Writer(said.append)
    writer.send(wire.Kind.HELLO, json.dumps({"version": wire.VERSION, "nonce": "cafe"}).encode())
    writer.send(wire.Kind.QUESTION, wire.encode(question))
    writer.end()
    return b"".join(said)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_agent_runs_alone(version: str) -> None:
    interpreter = python(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine")
    packed = bundle.build(None)
    done = subprocess.run(boot(interpreter, packed, "local"), input=packed + requests(Question((Pod("a", "none", None),))),
                          capture_output=True, timeout=60, env={})  # fmt: skip
    reader = wire.Reader(io.BytesIO(done.stdout).read)
    assert reader.receive()[0] is wire.Kind.HELLO, done.stderr
    kind, payload = reader.receive()
    if kind is wire.Kind.ERROR:
        assert json.loads(payload)["code"] == "permission"  # without root it gets no further, and says so
    else:
        assert wire.decode(Answer, payload).platform.startswith("linux/")
    assert reader.receive()[0] is wire.Kind.END


def test_every_module_of_the_agent_can_be_imported_without_the_clients_packages() -> None:
    packed = bundle.build(None)
    names = [name[:-3].replace("/", ".") for name in zipfile.ZipFile(io.BytesIO(packed)).namelist()
             if name.startswith("kubectl_netns/agent/") and name.endswith(".py") and not name.endswith("__init__.py")]  # fmt: skip
    program = (
        "import importlib, os, sys\n"
        "memory = os.memfd_create('x'); os.write(memory, sys.stdin.buffer.read())\n"
        "sys.path.insert(0, f'/proc/self/fd/{memory}')\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "import docker.api.client, h2.connection\n"
        "for name in ('kubernetes', 'typer', 'tabulate', 'yaml'):\n"
        "    assert importlib.util.find_spec(name) is None, name\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-W", "ignore", "-c", program], input=packed, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(("runtime", "libraries"), [
    ("docker", {"docker", "requests", "urllib3", "idna", "certifi"}), ("containerd", {"h2", "hpack", "hyperframe"}),
    ("cri-o", {"h2", "hpack", "hyperframe"}),
    (None, {"docker", "requests", "urllib3", "idna", "certifi", "h2", "hpack", "hyperframe"}),
])  # fmt: skip
def test_it_carries_what_the_runtime_needs_and_nothing_compiled(runtime: str | None, libraries: set[str]) -> None:
    packed = bundle.build(runtime)
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert {name.partition("/")[0] for name in names} == libraries | {"kubectl_netns"}
    assert all(name.endswith((".py", ".pyc")) and f"{name.removesuffix('c')}" in names for name in names)
    assert not any(name.startswith(("kubectl_netns/client/", "kubectl_netns/render/", "kubectl_netns/commands/")) for name in names)
    assert len(packed) < 2 << 20


def test_bytecode_is_that_of_the_source_that_travels(tmp_path: Path) -> None:
    """A cache that is older than its source, of another Python, or damaged, is not taken."""
    file = tmp_path / "module.py"
    file.write_text("x = 1\n")
    source = file.read_bytes()
    good = bundle._code(file, source)
    assert marshal.loads(good).co_consts[0] == 1
    cache = Path(importlib.util.cache_from_source(str(file)))
    cache.parent.mkdir(exist_ok=True)  # it is there where Python may write bytecode
    for header in (b"", b"\0" * 16, importlib.util.MAGIC_NUMBER + b"\0" * 12):
        cache.write_bytes(header + marshal.dumps("something else"))
        assert bundle._code(file, source) == good
    py_compile.compile(str(file))
    assert bundle._code(file, source) == cache.read_bytes()[16:]
    file.write_text("x = 22\n")
    assert marshal.loads(bundle._code(file, file.read_bytes())).co_consts[0] == 22


def test_a_python_that_is_too_old_takes_the_bundle_and_says_so() -> None:
    """`kubectl exec` does not end before somebody has taken it."""
    script = (Path(bundle.__file__).with_name("boot.py")).read_text()
    program = "import sys; sys.version_info = (3, 9, 2); exec(compile(sys.argv.pop(1), 'boot', 'exec'), {'__name__': '__main__'})"
    with tempfile.TemporaryFile() as sent:
        sent.write(b"x" * 10 + b"what comes after it")
        sent.seek(0)
        done = subprocess.run([sys.executable, "-c", program, script, "10"], stdin=sent, capture_output=True, text=True)
        assert os.lseek(sent.fileno(), 0, os.SEEK_CUR) == 10
    assert done.returncode == 1
    assert done.stderr.startswith("kubectl-netns: the image has Python 3.9, the agent needs 3.10 or newer")


def test_a_bundle_that_is_cut_short_says_so() -> None:
    done = subprocess.run(boot(sys.executable, b"x" * 100), input=b"x" * 50, capture_output=True)
    assert b"kubectl-netns: the bundle was cut short" in done.stderr


def test_for_a_hundred_nodes_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle._made.cache_clear()
    made: list[str] = []
    add = bundle._add
    monkeypatch.setattr(bundle, "_add", lambda zipped, file, name: (made.append(name), add(zipped, file, name)))
    with ThreadPoolExecutor(20) as pool:
        packed = list(pool.map(bundle.build, ["containerd", "cri-o"] * 50))
    assert len(set(packed)) == 1 and len(made) == len(set(made))


def test_other_code_has_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.py"
    monkeypatch.setattr(bundle, "_own", lambda: [file])
    seen = set()
    for source in ("x = 1\n", "x = 2\n", "x = 22\n"):
        file.write_text(source)
        seen.add(bundle.fingerprint.__wrapped__())
    assert len(seen) == 3
