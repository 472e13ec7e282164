"""The agent's first words. Sent as text to `python3 -c`, arguments: the bundle's length, then the agent's own arguments.

Takes the zipped bundle from stdin into memory (never to a disk), puts it first on the import path, and runs the agent in it.
Must be understood by every Python 3, so that one that is too old can say so. The client may be cut off in the middle: bundle and
question have PATIENCE seconds to arrive, then SIGALRM ends this process; the agent takes the alarm back when it has them.
"""

import importlib
import os
import signal
import sys

PATIENCE = 45

if __name__ == "__main__":
    old = sys.version_info < (3, 10)
    signal.alarm(PATIENCE)
    length = int(sys.argv.pop(1))
    # also one that is too old takes the bundle: `kubectl exec` ends only when somebody has (containerd 1.6, Docker 20.10)
    memory = os.open(os.devnull, os.O_WRONLY) if old else os.memfd_create("kubectl-netns")
    while length:
        chunk = os.read(0, min(length, 1 << 20))
        if not chunk:
            sys.exit("kubectl-netns: the bundle was cut short")
        os.write(memory, chunk)
        length -= len(chunk)
    if old:
        sys.exit("kubectl-netns: the image has Python %d.%d, the agent needs 3.10 or newer" % sys.version_info[:2])
    sys.path.insert(0, "/proc/self/fd/%d" % memory)
    importlib.import_module("kubectl_netns.agent.__main__").run()
