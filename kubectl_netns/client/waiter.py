"""The agent pod's main process: it does nothing but end in time. Sent as text to `python3 -c`, argument: nonce, seconds.

Every datagram on its abstract socket (no file, nothing to leave behind) is a sign of life from an agent in the same pod;
after IDLE seconds without one it ends, and with it the pod. `seconds` is the longest that it may live in any case.
The first word comes only when the client has seen the pod run, so the wait for it is the same IDLE.
"""

import socket
import sys
import time

IDLE = 30.0

if __name__ == "__main__":
    nonce, seconds = sys.argv[1], float(sys.argv[2])
    signs = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    signs.bind("\0kubectl-netns-" + nonce)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            signs.settimeout(min(IDLE, max(0.1, end - time.monotonic())))
            signs.recv(1)
    except socket.timeout:
        pass
