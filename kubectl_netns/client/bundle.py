"""The agent as a zip: its own modules and, for the runtime at hand, the pure-Python libraries that it asks for.

Only .py files go in, so that it runs on any architecture and any Python from 3.10 on. `requests` wants certifi, which would
unpack its certificates to a file on import; a Unix socket has no certificates, so an empty stand-in travels in its place.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
OWN = ("__init__.py", "model.py", "tables.py", "errors.py", "wire.py")
LIBRARIES = {"docker": ("docker", "requests", "urllib3", "idna"), "cri": ("h2", "hpack", "hyperframe")}
CERTIFI = 'def where():\n    return "/nonexistent"\n'


def build(runtime: str | None) -> bytes:
    """The zip for a node with this container runtime (docker, containerd, cri-o …); None: for any."""
    kinds = LIBRARIES if runtime is None else ("docker",) if runtime == "docker" else ("cri",)
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as bundle:
        for file in [*(PACKAGE / name for name in OWN), *_sources(PACKAGE / "agent")]:
            bundle.write(file, f"kubectl_netns/{file.relative_to(PACKAGE)}")
        for library in (name for kind in kinds for name in LIBRARIES[kind]):
            root = _location(library)
            for file in _sources(root):
                bundle.write(file, f"{library}/{file.relative_to(root)}")
        if "docker" in kinds:
            bundle.writestr("certifi/__init__.py", CERTIFI)
    return memory.getvalue()


def _sources(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*.py")) if "__pycache__" not in path.parts)


def _location(library: str) -> Path:
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"the package {library} is missing, which the agent needs")
    return Path(spec.submodule_search_locations[0])
