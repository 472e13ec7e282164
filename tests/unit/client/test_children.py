"""No child outlives the process, whenever it was started: seen in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.soon import soon

START = "from kubectl_netns.client import children\nimport sys\nprint(children.start(['sleep', '60']).pid, flush=True)\n"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("end", ["", "sys.exit(130)", "raise KeyboardInterrupt"])
def test_a_child_ends_with_us(end: str) -> None:
    done = subprocess.run([sys.executable, "-c", START + end], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20)
    soon(lambda: not alive(int(done.stdout)), 5)


def test_none_is_started_while_we_end() -> None:
    """By a thread that goes on while the interpreter ends."""
    program = """
import atexit, sys
from kubectl_netns.errors import NetnsError
def late():
    try:
        print(children.start(["sleep", "60"]).pid)
    except NetnsError as error:
        print(error.message)
atexit.register(late)
from kubectl_netns.client import children
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
