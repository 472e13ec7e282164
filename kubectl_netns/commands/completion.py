"""`kubectl netns completion`: the small program through which kubectl completes our words, and its way onto PATH.

kubectl looks for `kubectl_complete-netns` on PATH. pip brings one; krew links one file per plug-in, so there this verb writes it.
A file is ours if it has our line in it; no other is ever overwritten or deleted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..errors import ExitStatus, NetnsError, UsageError
from .console import Console

NAME, PLUGIN = "kubectl_complete-netns", "kubectl-netns"
MARK = "# made by `kubectl netns completion`"
PACKAGE = "kubectl_netns.completion"  # in the program that pip makes
SCRIPT = f"""#!/bin/sh
{MARK}, which also takes it back: `--uninstall`
# kubectl runs this on Tab if it is on PATH, executable, and called {NAME}.
command -v {PLUGIN} >/dev/null || {{ echo :4; exit 0; }}
exec {PLUGIN} __complete "$@"
"""
THEN = """
Your shell must have loaded kubectl's own completion:
  bash   source <(kubectl completion bash)      in ~/.bashrc; needs the package bash-completion
  zsh    source <(kubectl completion zsh)       in ~/.zshrc, after compinit
  fish   kubectl completion fish | source       in ~/.config/fish/config.fish"""


def completion(
    console: Console,
    install: Annotated[bool, typer.Option("--install", help=f"Put {NAME} on PATH.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Delete what --install made.")] = False,
    to: Annotated[Optional[Path], typer.Option("--to", metavar="FOLDER", help="The folder for it, or to delete it from.")] = None,
) -> ExitStatus:
    """Let the Tab key complete verbs, options, pods and nodes.

    kubectl completes a plug-in's words by running kubectl_complete-netns. Where pip or pipx installed this plug-in, it is there
    already. --install writes it next to kubectl-netns, or else into ~/.local/bin if that is on PATH; without options it is
    printed.

    Examples:
      # once, after kubectl krew install netns
      kubectl netns completion --install

      # take it back
      kubectl netns completion --uninstall

      # read it first
      kubectl netns completion
    """
    if install and uninstall:
        raise UsageError("--install and --uninstall exclude each other")
    if to and not (install or uninstall):
        raise UsageError("--to goes with --install or --uninstall")
    if install:
        console.answer(_install(to) + "\n" + THEN)
    elif uninstall:
        console.answer(_uninstall(to))
    else:
        console.answer(SCRIPT.rstrip("\n"))
    return ExitStatus.ANSWERED


def _install(to: Path | None) -> str:
    there = shutil.which(NAME)
    if there and to is None:
        file = Path(there)
        if _made_by_pip(file):
            return f"{file} came with the Python package: nothing to do"
        _refuse_foreign(file)
    else:
        file = (to or _folder()) / NAME
    if os.path.lexists(file):
        _refuse_foreign(file)
        if file.read_text() == SCRIPT and os.access(file, os.X_OK):
            return f"{file} is there already"
    try:
        _write(file)
    except OSError as error:
        raise NetnsError(f"{file} cannot be written: {error.strerror}", "choose another folder with --to") from error
    found = shutil.which(NAME)
    if found is None:
        return f"wrote {file}; its folder is not on PATH, so kubectl will not find it before it is"
    if not os.path.samefile(found, file):
        return f"wrote {file}; but kubectl finds {found} first"
    return f"wrote {file}"


def _folder() -> Path:
    """Where kubectl-netns is: on PATH for certain, and gone with it if a folder is all that is deleted."""
    plugin = shutil.which(PLUGIN)
    if plugin and os.access(Path(plugin).parent, os.W_OK):
        return Path(plugin).parent
    own = Path(os.path.expanduser("~/.local/bin"))
    if own in _path() and (os.access(own, os.W_OK) or not own.exists()):
        return own
    where = f"{Path(plugin).parent} is not writable" if plugin else f"{PLUGIN} is not on PATH"
    raise NetnsError(f"{where}, and ~/.local/bin is not on PATH or not writable", "name a folder on your PATH with --to")


def _path() -> list[Path]:
    return [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]


def _write(file: Path) -> None:
    """Whole or not at all; a file that somebody else puts there meanwhile is not overwritten."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{NAME}-")
    try:
        with open(descriptor, "w") as draft:
            draft.write(SCRIPT)
        os.chmod(name, 0o755)
        if os.path.lexists(file):
            os.replace(name, file)
        else:
            os.link(name, file)
    finally:
        Path(name).unlink(missing_ok=True)


def _uninstall(to: Path | None) -> str:
    lines = []
    for file in dict.fromkeys(folder / NAME for folder in ([to] if to else _path())):
        if _ours(file):
            try:
                file.unlink()
            except OSError as error:
                raise NetnsError(f"{file} cannot be deleted: {error.strerror}") from error
            lines.append(f"deleted {file}")
        elif _made_by_pip(file):
            lines.append(f"left {file}, which came with the Python package and goes with it")
        elif os.path.lexists(file):
            lines.append(f"left {file}, which is not ours")
    return "\n".join(lines) or f"there is no {NAME} {f'in {to}' if to else 'on PATH'}"


def _text(file: Path) -> str:
    """Empty for what is no plain readable file; a link is none, since what it leads to may be anybody's."""
    try:
        return "" if file.is_symlink() or not file.is_file() else file.read_text(errors="replace")
    except OSError:
        return ""


def _ours(file: Path) -> bool:
    return MARK in _text(file)


def _made_by_pip(file: Path) -> bool:
    """pipx links its programs into ~/.local/bin, so here a link is followed."""
    return PACKAGE in _text(file.resolve()) and not _ours(file)


def _refuse_foreign(file: Path) -> None:
    if not _ours(file):
        raise NetnsError(f"{file} is there and not ours: it stays as it is", "move it away, or choose another folder with --to")
