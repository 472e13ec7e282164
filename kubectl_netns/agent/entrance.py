"""From a request to run something to an open namespace, checked to be the pod's.

The pod is looked up as for a card. Its sandbox may be replaced between the look and the opening: what was opened must be what was
found, else it is looked up once more.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from ..execution import Execution
from ..model import NetworkNamespace
from ..questions import Question
from . import scenery
from .discover import survey, those_meant
from .enter import Key, key_of, opened
from .place import Place


class Job(NamedTuple):
    """Everything that must be known before a command can be started.

    `namespace` is a descriptor of the pod's, which the owner of the Job closes, and `key` what it was checked to be; `files` are
    the processes through which the pod's files can be read (scenery.sources).
    """

    execution: Execution
    namespace: int
    key: Key
    files: Mapping[str, list[int]]


class Refusal(Exception):
    """There is no such namespace to enter; `code` is no-namespace or ambiguous."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Preparing:
    """`prepare` in a thread, so that pings are heard meanwhile. `ready` becomes readable when it is done."""

    def __init__(self, place: Place, execution: Execution) -> None:
        self.ready, self._done = os.pipe()
        self._outcome: Job | BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(place, execution), daemon=True)
        self._thread.start()

    def _run(self, place: Place, execution: Execution) -> None:
        try:
            self._outcome = prepare(place, execution)
        except BaseException as error:  # raised again where the result is fetched
            self._outcome = error
        os.close(self._done)

    @property
    def done(self) -> bool:
        return self._outcome is not None

    def result(self) -> Job:
        """When it is done: afterwards the thread has ended, so that the process may fork."""
        self._thread.join()
        os.close(self.ready)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        assert self._outcome
        return self._outcome


def prepare(place: Place, execution: Execution) -> Job:
    """Raises Refusal, or OSError where we may not look."""
    for _ in range(2):
        namespaces = survey(place, Question((execution.pod,), execution.runtime)).namespaces
        found = [item for item in namespaces if item.pod and execution.pod.matches(item.pod)]
        meant, names = those_meant(found)
        if len(names) > 1:
            raise Refusal("ambiguous", f'several pods are called "{execution.pod.name}": {", ".join(names)}')
        for item in meant:
            with suppress(FileNotFoundError):
                return _job(place, execution, item)
    raise Refusal("no-namespace", "the pod has no sandbox here now")


def _job(place: Place, execution: Execution, item: NetworkNamespace) -> Job:
    namespace = item.namespace
    assert namespace.path and namespace.device is not None and namespace.inode is not None
    with opened(place.file(namespace.path)) as descriptor:
        key = key_of(descriptor)
        if key != (namespace.device, namespace.inode):
            raise FileNotFoundError(namespace.path)
        files = scenery.sources(place, item)  # first: were it to fail, nobody would close a copy of the descriptor
        return Job(execution, os.dup(descriptor), key, files)
