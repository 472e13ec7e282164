"""Run a command in a pod's network namespace: the pod is looked for, its node is reached, and left again however it ends."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import NetnsError, NoCommandError, NoNamespaceError, NotFoundError, RefusedError, UsageError
from ..execution import Execution
from ..model import Pod
from . import rights, survey, targets
from .kept import Kept
from .nodes import ClusterNode, LocalNode, refuse_unusable
from .streams import Streams
from .survey import Reach


def run(reach: Reach, word: str, execution: Execution, streams: Streams, complain: Callable[[NetnsError], object]) -> int:
    """The command's exit status. Raises NetnsError. `complain` is told if the agent's pod could not be deleted afterwards."""
    try:
        target = targets.find(reach.cluster, reach.kubectl, word, reach.note)
        facts = reach.cluster.node(target.node)
        refuse_unusable(reach.cluster, facts)
        node = ClusterNode(reach.cluster, reach.kubectl, facts, reach.spec, Kept(reach.cluster, reach.spec))
        try:
            return node.execute(execution._replace(pod=target.pod), streams, reach.progress)
        except NoCommandError as error:
            hint = f"node {target.node}, image {reach.spec.image}; --image takes any that has python3 and the command"
            raise NoCommandError(error.message, hint) from error
        except NoNamespaceError as error:
            raise targets.missing(target.pod, target.node) from error
        finally:
            for left in survey.leave_all([node]):  # the command's own status counts
                complain(left)
    except RefusedError as error:
        raise rights.explained(error, reach.cluster, reach.spec.namespace) from None


def run_here(word: str, namespace: str | None, execution: Execution, streams: Streams, timeout: float) -> int:
    """The same on this machine, where a pod is known by what the runtime says of it."""
    pod = Pod(namespace or "", word.removeprefix("pod/"), None)
    try:
        return LocalNode(timeout).execute(execution._replace(pod=pod), streams, lambda text: None)
    except UsageError as error:
        raise UsageError(error.message, "choose with -n NAMESPACE") from error
    except NoNamespaceError as error:
        hint = "`kubectl netns --local list` shows those that it knows"
        raise NotFoundError(f'no runtime on this machine has a sandbox of pod "{pod.name}"', hint) from error
