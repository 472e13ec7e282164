"""Closed standard descriptors: their numbers are taken, so that nothing else gets them."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_file_that_is_opened_later_gets_no_standard_number(closed: str) -> None:
    code = "import os, sys; from kubectl_netns.__main__ import keep_standard_descriptors as keep; keep(); keep()\n"
    code += "sys.exit(10 + os.open('/dev/null', os.O_RDONLY))"
    result = subprocess.run(["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code])
    assert result.returncode == 13
