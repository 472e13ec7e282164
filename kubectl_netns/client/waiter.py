"""The agent pod's main process: it does nothing but end in time. Sent as text to `python3 -c`, arguments: nonce, seconds, idle.

Every datagram on its abstract socket (no file, nothing to leave behind) is a sign of life from an agent in the same pod; after
`idle` seconds without one it ends, and with it the pod; `seconds` is the longest that it may live in any case. A datagram that is
a number makes `idle` longer, never shorter: who is on the node's network can send one too, and nobody there shall end us.
The first sign comes only when a client has seen the pod run, so the wait for it is no longer than FIRST, also for a pod that is
to be kept.
"""

import socket
import sys
import time

FIRST = 30.0

if __name__ == "__main__":
    nonce, seconds, idle = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    signs = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    signs.bind("\0kubectl-netns-" + nonce)
    end = time.monotonic() + seconds
    patience = FIRST
    try:
        while time.monotonic() < end:
            signs.settimeout(min(patience, max(0.1, end - time.monotonic())))
            said = signs.recv(8)
            patience = idle = max(idle, float(said)) if said.isdigit() else idle
    except socket.timeout:
        pass
