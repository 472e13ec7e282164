"""Wake an agent that waits in a kept pod (`agent/warm.py`). Sent as text to `python3 -c`, argument: its door, a socket's file.

Hands stdin, stdout and stderr over to it, and ends when it has served them: for `kubectl exec` it is this process that answers.
"""

import socket
import sys

PATIENCE = 10

if __name__ == "__main__":
    door = socket.socket(socket.AF_UNIX)
    door.settimeout(PATIENCE)
    try:
        door.connect(sys.argv[1])
        socket.send_fds(door, [b"+"], [0, 1, 2])
        taken = door.recv(1)
    except OSError:
        taken = b""
    if not taken:
        sys.exit("kubectl-netns: nobody is at the door")
    door.settimeout(None)
    door.recv(1)
