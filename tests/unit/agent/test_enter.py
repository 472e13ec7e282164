"""Opening namespaces and working in a thread of one's own, as far as that needs no root."""

from __future__ import annotations

import gc
import os
import re
import threading
from pathlib import Path

import pytest

from kubectl_netns.agent.enter import NotANamespace, enter, in_own_thread, key_of, opened


def descriptors() -> set[str]:
    gc.collect()  # what earlier tests left unclosed must not be closed in between
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "plain").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/proc/self/ns/net")
    names = {name: str(tmp_path / name) for name in ("plain", "fifo", "link")}
    return {**names, "directory": str(tmp_path), "device": "/dev/null",
            **{kind: f"/proc/self/ns/{kind}" for kind in ("net", "mnt", "uts", "user")}}  # fmt: skip


@pytest.mark.parametrize("which", ["net", "link"])
def test_a_network_namespace_is_opened_and_closed(places: dict[str, str], which: str) -> None:
    before, status = descriptors(), os.stat("/proc/self/ns/net")
    with opened(places[which]) as descriptor:
        assert key_of(descriptor) == (status.st_dev, status.st_ino)
        assert not os.get_inheritable(descriptor)
    assert descriptors() == before


@pytest.mark.parametrize("which", ["plain", "fifo", "directory", "device", "mnt", "uts", "user"])
def test_another_file_is_not_entered_and_is_closed(places: dict[str, str], which: str) -> None:
    before = descriptors()
    with pytest.raises(NotANamespace, match=re.escape(os.path.basename(places[which]))), opened(places[which]) as descriptor:
        enter(descriptor)
    assert descriptors() == before


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened(str(tmp_path / "gone")):
        pytest.fail("it was opened")


def test_it_is_closed_when_the_work_fails() -> None:
    before = descriptors()
    with pytest.raises(ZeroDivisionError), opened("/proc/self/ns/net"):
        raise ZeroDivisionError
    assert descriptors() == before


def test_work_is_done_in_another_thread_that_ends() -> None:
    worker = in_own_thread(threading.current_thread)
    assert worker is not threading.current_thread()
    assert not worker.is_alive()


@pytest.mark.parametrize("result", [None, 7, (), ValueError("a value, not a failure")])
def test_the_result_is_handed_on(result: object) -> None:
    assert in_own_thread(lambda: result) is result


@pytest.mark.parametrize("failure", [PermissionError(1, "no"), NotANamespace("x"), SystemExit(3), KeyboardInterrupt()])
def test_the_exception_is_handed_on(failure: BaseException) -> None:
    def work() -> None:
        raise failure

    with pytest.raises(type(failure)) as raised:
        in_own_thread(work)
    assert raised.value is failure
