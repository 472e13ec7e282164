"""Child processes that do not outlive this one, however it ends: an interrupt may come while a thread is just starting one.

Each is in a session of its own, so that a Ctrl-C on the terminal reaches only us, who end things in order. `kubectl exec` would
otherwise stay, waiting on a connection to a pod that is gone.
"""

from __future__ import annotations

import atexit
import subprocess
import threading
import weakref
from typing import Any

from ..errors import NetnsError

_lock = threading.Lock()
_started: weakref.WeakSet[subprocess.Popen[Any]] = weakref.WeakSet()
_over = False


def start(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """subprocess.Popen. Raises NetnsError when this process is ending."""
    with _lock:
        if _over:
            raise NetnsError("interrupted")
        child: subprocess.Popen[Any] = subprocess.Popen(command, start_new_session=True, **options)
        _started.add(child)
    return child


@atexit.register
def _end() -> None:
    global _over
    with _lock:
        _over = True
        for child in _started:
            if child.poll() is None:
                child.kill()
