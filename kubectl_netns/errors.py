"""Every error that a user can be told, in one tree; each knows its exit status and what to do next.

    NetnsError                 1  unexpected failure
    ├── UsageError             2  the command line does not make sense
    ├── NotFoundError          3  no such pod, node or thing
    │   └── NoPodError            … because no pod has this name
    ├── NoNamespaceError       4  it is there, but has no namespace now (pending, completed)
    ├── RefusedError           5  the cluster refused (RBAC, Pod Security, quota)
    ├── ConflictError          8  something that this tool did not make is in the way: it is left alone
    ├── NodeError              6  the node, or this machine, cannot run the agent
    │   └── KubectlError          … because kubectl is missing, too old, or failed
    ├── ClusterError           1  the cluster cannot be reached, or there is no kubeconfig
    ├── ProtocolError          1  the agent's words make no sense: they are not trusted
    ├── IncompleteError        7  nothing was found, but not everything could be looked at
    ├── NotExecutableError   126  exec: the command is there, but cannot be run
    └── NoCommandError       127  exec: the command is not there
    BaseException
    └── Interrupted          130  Ctrl-C, SIGTERM or SIGHUP: nothing that catches errors on its way may take it for one

`INCOMPLETE` (7) is no error where something was found: the answer was printed, with warnings on stderr.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The numbers that scripts rely on; README.md lists them, a test compares."""

    ANSWERED = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_NAMESPACE = 4
    REFUSED = 5
    NODE = 6
    INCOMPLETE = 7
    CONFLICT = 8
    PYTHON = 9  # only krew/kubectl-netns gives it, which starts the program
    NOT_EXECUTABLE = 126
    NO_COMMAND = 127
    INTERRUPTED = 130


class NetnsError(Exception):
    """A failure that is told in one sentence (`message`), with the next step (`hint`) where there is one."""

    status = ExitStatus.FAILURE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(NetnsError):
    status = ExitStatus.USAGE


class NotFoundError(NetnsError):
    status = ExitStatus.NOT_FOUND


class NoPodError(NotFoundError):
    def __init__(self, name: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.name = name


class NoNamespaceError(NetnsError):
    status = ExitStatus.NO_NAMESPACE


class RefusedError(NetnsError):
    status = ExitStatus.REFUSED


class ConflictError(NetnsError):
    status = ExitStatus.CONFLICT


class NodeError(NetnsError):
    status = ExitStatus.NODE


class KubectlError(NodeError):
    pass


class ClusterError(NetnsError):
    pass


class ProtocolError(NetnsError):
    pass


class NotExecutableError(NetnsError):
    status = ExitStatus.NOT_EXECUTABLE


class NoCommandError(NetnsError):
    status = ExitStatus.NO_COMMAND


class IncompleteError(NetnsError):
    status = ExitStatus.INCOMPLETE


class Interrupted(BaseException):
    """No NetnsError: whoever goes on after the failure of one pod or node must not go on after this."""

    status = ExitStatus.INTERRUPTED
    hint = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
