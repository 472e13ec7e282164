"""Signals, as a process of its own takes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAD = """
import os, signal, sys, time
from kubectl_netns.commands import interrupts
from kubectl_netns.errors import Interrupted
"""
FOOT = """
try:
    work()
except Interrupted as error:
    print(error.message)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    print("the clean-up went on")
"""
DIRECTLY = """
def work():
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(5)
"""
IN_A_DESTRUCTOR = """
class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGHUP)
        sum(range(1000))

def work():
    Thing()
    time.sleep(5)
"""
CAUGHT_AS_AN_ERROR = """
def work():
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(1)
    except Exception:
        pass
    time.sleep(5)
"""
TWO_AT_ONCE = """
def work():
    both = (signal.SIGHUP, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, both)
    for one in both:
        os.kill(os.getpid(), one)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
    time.sleep(5)
"""
WORKS = {"directly": DIRECTLY, "in a destructor": IN_A_DESTRUCTOR, "caught": CAUGHT_AS_AN_ERROR, "two at once": TWO_AT_ONCE}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_a_signal_ends_what_is_done_once_and_quietly(work: str) -> None:
    program = HEAD + "interrupts.heed()\n" + work + FOOT
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("interrupted by SIGHUP\nthe clean-up went on\n", "")


def test_what_was_ignored_before_stays_ignored() -> None:
    program = HEAD + "signal.signal(signal.SIGHUP, signal.SIG_IGN)\ninterrupts.heed()\n" + DIRECTLY.replace("5", "0.1") + "work()\nprint('done')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_other_exceptions_that_are_ignored_are_still_told() -> None:
    program = HEAD + "interrupts.heed()\nclass Thing:\n    def __del__(self):\n        1 / 0\nThing()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert "ZeroDivisionError" in done.stderr
