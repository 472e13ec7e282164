"""`python3 -m tests.cluster.kube build|up|down|status|env`. Exit status 2: no cluster can be had on this machine."""

from __future__ import annotations

import subprocess
import sys

from . import cluster
from .places import Trouble, Unavailable


def main(verb: str) -> int:
    if verb == "build":
        cluster.build()
    elif verb == "up":
        print(cluster.up().exports())
    elif verb == "down":
        cluster.down()
    elif verb == "env":
        found = cluster.load()
        if found is None:
            raise cluster.ask_for_help()
        print(found.exports())
    elif verb == "status":
        pieces = cluster.pieces()
        for name, healthy in pieces:
            print(f"{'ok  ' if healthy else 'DOWN'} {name}")
        return 0 if all(healthy for _, healthy in pieces) else 1
    else:
        raise Trouble("usage: python3 -m tests.cluster.kube build|up|down|status|env")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
    except Unavailable as error:
        print(f"cluster: {error}", file=sys.stderr)
        sys.exit(2)
    except (Trouble, subprocess.TimeoutExpired, OSError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
