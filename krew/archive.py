"""krew's archive: a launcher, the licence, and lib/ with our package and those that it needs, as plain files.

Plain files, and no zip that Python imports from, because Python keeps their bytecode beside them: the second run is two to three
times as fast (CONTRIBUTING.md has the figures), and the client reads some of its own files to send them to a node.
krew refuses links, absolute names and `..` anywhere in a name, so none of these may get in. The bytes depend on nothing but the
wheels and the time that is given.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from . import wheels

HERE = Path(__file__).parent
LAUNCHER = "kubectl-netns"
# what the packages ask for and we never import; tests/dist compares this with what is imported
LEFT_OUT = {
    "aiohttp": "kubernetes.aio",
    "aiohappyeyeballs": "aiohttp", "aiosignal": "aiohttp", "attr": "aiohttp", "attrs": "aiohttp", "frozenlist": "aiohttp",
    "multidict": "aiohttp", "propcache": "aiohttp", "typing_extensions": "aiohttp", "yarl": "aiohttp", "async_timeout": "aiohttp",
    "websocket": "kubernetes.stream", "websocket_client": "kubernetes.stream",
    "dateutil": "kubernetes.client.models", "python_dateutil": "kubernetes.client.models",
    "durationpy": "kubernetes.utils",
    "tzdata": "dateutil",
    "rich": "Typer's coloured help", "markdown_it": "rich", "markdown_it_py": "rich", "mdurl": "rich", "pygments": "rich",
    "_yaml": "PyYAML's compiled part",
    "sockshandler": "PySocks, for urllib",
}  # fmt: skip
# of kubernetes only what client/lean.py imports: the rest is 40 MB
KUBERNETES = ("__init__.py", "config/", "client/__init__.py", "client/configuration.py", "client/exceptions.py", "client/rest.py")
KINDS = (".py", ".pem", ".json", ".1")
LICENCES = ("licen", "copying", "notice", "author")


def tree(packages: Iterable[Path], licence: bytes) -> dict[str, bytes]:
    """Content by name, from wheels. Raises SystemExit where two want the same name on a disk that does not tell case apart."""
    found = {"LICENSE": licence, LAUNCHER: (HERE / LAUNCHER).read_bytes()}
    for wheel in packages:
        found.update({f"lib/{name}": content for name, content in wheels.files(wheel) if wanted(name)})
    folded = {name.casefold() for name in found}
    if len(folded) != len(found):
        raise SystemExit("two files of the archive differ only in case")
    return found


def wanted(name: str) -> bool:
    top, _, rest = name.partition("/")
    if top.endswith(".dist-info"):
        # tabulate asks for its own version there; the licences must come along
        return not _left_out(top.partition("-")[0]) and (rest == "METADATA" or _is_licence(rest))
    if top.endswith(".data") or _left_out(top.removesuffix(".py")) or "tests" in rest.split("/")[:-1]:
        return False
    if top == "kubernetes" and not rest.startswith(KUBERNETES):
        return False
    return name.endswith(KINDS) or _is_licence(rest)


def _left_out(name: str) -> bool:
    return name.lower() in LEFT_OUT


def _is_licence(name: str) -> bool:
    return name.rpartition("/")[2].lower().startswith(LICENCES)


def pack(found: dict[str, bytes], seconds: int) -> bytes:
    """A tar.gz of these files, all root's and of one time (since the epoch). Raises ValueError for a name that is too long."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(found.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), seconds, 0o755 if name == LAUNCHER else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(memory.getvalue(), compresslevel=9, mtime=0)
