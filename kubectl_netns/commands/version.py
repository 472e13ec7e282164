"""`kubectl netns version`."""

from __future__ import annotations

import platform

from .. import __version__
from ..errors import ExitStatus
from .console import Console


def version(console: Console) -> ExitStatus:
    """Print this plug-in's version. No cluster is asked.

    Examples:
      kubectl netns version
    """
    console.answer(f"kubectl-netns {__version__} (Python {platform.python_version()})")
    return ExitStatus.ANSWERED
