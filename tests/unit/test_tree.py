"""The tree shows the architecture: short modules that say what they are for, and nothing hidden in a package's __init__."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kubectl_netns

ROOT = Path(kubectl_netns.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= 300
    if path.name == "__init__.py":
        assert all(isinstance(node, ast.Expr | ast.Assign | ast.ImportFrom) for node in tree.body)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_console_prints(path: Path) -> None:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    printing = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert path.name == "console.py" or printing == []
