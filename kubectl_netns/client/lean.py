"""Import of the package `kubernetes` what reads a kubeconfig, without what it brings along and seldom or never needs.

Its `__init__` imports a thousand classes of API objects, which are not used here: 0.2 s, and 2.5 s where no bytecode is kept yet.
They are passed over; krew's archive has not even got them. `requests` and `oauthlib`, some 50 ms, serve only to renew an OIDC
token, and to choose a proxy by the package's rules, which are not ours: they are put off until somebody asks for that.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

PASSED_OVER = ("kubernetes", "kubernetes.client")
# what of each is imported by name: a function, or a class that is only called
PUT_OFF = {
    "oauthlib": (), "oauthlib.oauth2": (), "requests_oauthlib": ("OAuth2Session",),
    "requests": (), "requests.utils": ("should_bypass_proxies",),
}  # fmt: skip


def load() -> None:
    """Afterwards `kubernetes.client.configuration`, `kubernetes.client.rest` and `kubernetes.config` can be imported."""
    if "kubernetes" in sys.modules:
        return
    for name in PASSED_OVER:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ImportError("the package kubernetes is missing")
        sys.modules[name] = importlib.util.module_from_spec(spec)
    client: Any = sys.modules["kubernetes.client"]
    with _put_off():
        client.Configuration = importlib.import_module("kubernetes.client.configuration").Configuration
        client.ApiClient = _ApiClient
        for name in ("kubernetes.client.rest", "kubernetes.config.kube_config"):
            importlib.import_module(name)


class _ApiClient:
    """Stands in for the library's own, which wants the classes: kube_config.py asks for a new OIDC token with it."""

    def __init__(self, configuration: Any) -> None:
        self._rest: Any = importlib.import_module("kubernetes.client.rest").RESTClientObject(configuration)

    def request(self, method: str, url: str) -> Any:
        return self._rest.request(method, url)

    call_api = request  # its name since 37


class _Later(ModuleType):
    """Stands in for a package: a module of it is imported when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import asks whether this is a package
            raise AttributeError(name)
        return importlib.import_module(f"{self.__name__}.{name}")


@contextmanager
def _put_off() -> Iterator[None]:
    """Meanwhile an import binds stand-ins. Whoever imports later, these themselves too, gets the real modules."""
    stand_ins = {name: _Later(name) for name in PUT_OFF if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        vars(stand_in).update({wanted: _called_later(name, wanted) for wanted in PUT_OFF[name]})
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _called_later(module: str, name: str) -> Callable[..., Any]:
    def call(*positional: Any, **named: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*positional, **named)

    return call
