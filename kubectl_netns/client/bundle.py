"""The agent as a zip: its own modules and, for the runtime at hand, the pure-Python libraries that it asks for.

The .py files run on any architecture and any Python from 3.10 on. Beside each lies its bytecode of this Python: where the node's
is the same version, it need not compile anything (which takes it 0.05 to 0.3 s), and any other passes it over. What a library
imports and a Unix socket has no use for stays behind, or an empty stand-in travels: a quarter of Docker's bundle.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import marshal
import threading
import zipfile
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
OWN = ("__init__.py", "model.py", "tables.py", "questions.py", "aliases.py", "errors.py", "wire.py", "execution.py")
LIBRARIES = {"docker": ("docker", "requests", "urllib3"), "cri": ("h2", "hpack", "hyperframe")}
LEFT_BEHIND = ("docker/client.py", "docker/context/", "docker/models/", "urllib3/contrib/", "urllib3/http2/connection.py")
STAND_INS = {
    "certifi/__init__.py": 'def where():\n    return "/nonexistent"\n',  # its own unpacks certificates to a file
    "idna/__init__.py": "",  # names of other alphabets; half a MB of tables
    "docker/__init__.py": "",  # imports all that stays behind
    "urllib3/http2/__init__.py": "",  # looks for the version of a package, 10 ms
}
HEADER = 16
_MAKING = threading.Lock()
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: the source is not looked at; it lies beside, from the same hand


def build(runtime: str | None) -> bytes:
    """The zip for a node with this container runtime (docker, containerd, cri-o …); None: for any. Made once for all nodes."""
    with _MAKING:
        return _made(tuple(LIBRARIES) if runtime is None else ("docker",) if runtime == "docker" else ("cri",))


@functools.cache
def _made(kinds: tuple[str, ...]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for file in _own():
            _add(bundle, file, f"kubectl_netns/{file.relative_to(PACKAGE)}")
        for library in (name for kind in kinds for name in LIBRARIES[kind]):
            root = _location(library)
            for file in _sources(root):
                name = f"{library}/{file.relative_to(root)}"
                if not name.startswith(LEFT_BEHIND) and name not in STAND_INS:
                    _add(bundle, file, name)
        if "docker" in kinds:
            for name, source in STAND_INS.items():
                bundle.writestr(name, source)
    return memory.getvalue()


@functools.cache
def fingerprint() -> str:
    """What tells this agent from one of other code: a hash of our own sources."""
    digest = hashlib.sha256()
    for file in _own():
        digest.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _own() -> list[Path]:
    return [*(PACKAGE / name for name in OWN), *_sources(PACKAGE / "agent")]


def _add(bundle: zipfile.ZipFile, file: Path, name: str) -> None:
    source = file.read_bytes()
    bundle.writestr(name, source)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source)
    bundle.writestr(f"{name}c", header + _code(file, source))


def _code(file: Path, source: bytes) -> bytes:
    """The marshalled bytecode: the one that pip or an import has left, if it is of this very source, else made and left now."""
    try:
        cached = Path(importlib.util.cache_from_source(str(file))).read_bytes()
        status = file.stat()
    except (OSError, NotImplementedError):
        pass
    else:
        stamp = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + (status.st_size & 0xFFFFFFFF).to_bytes(4, "little")
        if cached[:HEADER] == importlib.util.MAGIC_NUMBER + bytes(4) + stamp:
            return cached[HEADER:]
    return marshal.dumps(SourceFileLoader(file.stem, str(file)).get_code(file.stem))


def _sources(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*.py")) if "__pycache__" not in path.parts)


def _location(library: str) -> Path:
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"the package {library} is missing, which the agent needs")
    return Path(spec.submodule_search_locations[0])
