"""Where the program starts: `kubectl-netns`, and `python3 -m kubectl_netns` where that is not on PATH."""

import os
import signal
import sys


def keep_standard_descriptors() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed (`>&-`): else a socket might take its number, and its words."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one


def main() -> None:
    keep_standard_descriptors()
    # until the first agent pod there is nothing to undo: a Ctrl-C during the imports ends us without a traceback
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] == ["__complete"]:  # for a Tab: the table of verbs is not built, which would take most of the time
        from .completion import answer

        answer.main()
    else:
        from . import cli

        cli.main()


if __name__ == "__main__":
    main()
