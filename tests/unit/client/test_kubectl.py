"""How kubectl is run: in English, without our terminal's input, and out of reach of its Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_netns.client import kubectl
from kubectl_netns.client.kubectl import Connection, Kubectl
from kubectl_netns.errors import KubectlError


def test_its_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    program = tmp_path / "kubectl"
    program.write_text('#!/bin/sh\necho "$LC_ALL $KUBECTL_DEBUG_CUSTOM_PROFILE $(readlink /proc/$$/fd/0) $(cut -d" " -f6 /proc/$$/stat) $$ $*"\n')
    program.chmod(0o755)
    ours, (terminal, end) = os.dup(0), os.pipe()
    os.dup2(terminal, 0)
    try:
        stdout, stderr = Kubectl(str(program), Connection(context="c")).start("get", "x").communicate(timeout=20)
    finally:
        os.dup2(ours, 0)
        for one in (ours, terminal, end):
            os.close(one)
    language, custom, stdin, session, pid, *words = stdout.split()
    assert (language, custom, stdin, stderr) == ("C", "true", "/dev/null", "")
    assert session == pid != str(os.getsid(0)) and words == ["--context=c", "get", "x"]


def test_where_it_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECTL_PATH", "/opt/kubectl")
    assert kubectl.find(Connection()).path == "/opt/kubectl"
    monkeypatch.delenv("KUBECTL_PATH")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KubectlError, match="not found on PATH"):
        kubectl.find(Connection())
