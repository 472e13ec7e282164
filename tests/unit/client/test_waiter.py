"""The pod's main process: ends when nobody speaks, stays while somebody does, and never beyond its time."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

from kubectl_netns.client import waiter

TEXT = Path(waiter.__file__).read_text()


def start(idle: float, lifetime: float, first: float = 2) -> tuple[subprocess.Popen[bytes], str]:
    nonce = secrets.token_hex(8)
    script = TEXT.replace("FIRST = 30.0", f"FIRST = {first}")
    assert script != TEXT
    return subprocess.Popen([sys.executable, "-c", script, nonce, str(lifetime), str(idle)]), nonce


def seconds(process: subprocess.Popen[bytes]) -> float:
    begun = time.monotonic()
    assert process.wait(20) == 0
    return time.monotonic() - begun


def speak(nonce: str, word: bytes = b"+") -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as voice:
        voice.sendto(word, f"\0kubectl-netns-{nonce}")


def test_it_ends_when_nobody_speaks() -> None:
    process, _ = start(30, 60, first=0.5)
    assert 0.3 < seconds(process) < 5


def test_it_stays_while_somebody_speaks() -> None:
    process, nonce = start(2, 60)
    time.sleep(0.7)
    for _ in range(5):
        speak(nonce)
        time.sleep(0.7)
        assert process.poll() is None
    assert seconds(process) < 5


def test_its_patience_after_the_first_sign_is_its_own() -> None:
    """Short before it, so that a pod whose client never came does not stay; then as long as it was told, also with --keep."""
    process, nonce = start(4, 60, first=1)
    time.sleep(0.5)
    speak(nonce)
    assert 2 < seconds(process) < 8


def test_it_ends_at_its_time_in_any_case() -> None:
    process, nonce = start(30, 1.5, first=30)
    time.sleep(0.7)
    speak(nonce)
    assert seconds(process) < 5


def test_its_patience_can_be_made_longer() -> None:
    process, nonce = start(1, 60)
    time.sleep(0.5)
    for word in (b"4", b"+"):  # the first counts also for the signs after it
        speak(nonce, word)
    assert 2.5 < seconds(process) < 8


def test_nobody_can_make_it_shorter() -> None:
    words = (b"0", b"1", b"-5", b"nan", b"1e9", b"", b"\xff" * 40)
    started = {word: start(3, 60) for word in words}
    time.sleep(0.7)
    for word, (_, nonce) in started.items():
        speak(nonce, word)
    time.sleep(2)
    assert [word for word, (process, _) in started.items() if process.poll() is not None] == []
    for process, _ in started.values():
        assert seconds(process) < 6
