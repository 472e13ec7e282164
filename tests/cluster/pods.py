"""Pods for tests and the demo, through the real kubectl; they run the agent's image, so no other one is needed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "netns-test"
DEFAULT_IMAGE = "docker.io/library/python:3-alpine"


def kubectl(environment: dict[str, str], *words: str, stdin: str | None = None, check: bool = True) -> str:
    result = subprocess.run(
        ["kubectl", *words], input=stdin, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert not check or result.returncode == 0, f"kubectl {words}: {result.stderr}"
    return result.stdout


def get(environment: dict[str, str], *words: str) -> Any:
    return json.loads(kubectl(environment, "get", *words, "-o", "json"))


def agents(environment: dict[str, str]) -> list[str]:
    """Agent pods of ours in any namespace, by their container's name."""
    found = get(environment, "pods", "--all-namespaces")["items"]
    return [pod["metadata"]["name"] for pod in found if pod["spec"]["containers"][0]["name"] == "netns-agent"]


def manifest(name: str, node: str | None, image: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent",
                 "command": ["python3", "-c", "import signal; signal.pause()"]}  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": "netns-test", "pod": name}},
        "spec": {"containers": [{**container, **spec.pop("container", {})}], "automountServiceAccountToken": False,
                 "terminationGracePeriodSeconds": 0, **({"nodeName": node} if node else {}), **spec},
    }  # fmt: skip


@dataclass
class Workloads:
    """`names` maps a node to its pod."""

    environment: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @property
    def image(self) -> str:
        return self.environment.get("KUBECTL_NETNS_IMAGE") or os.environ.get("KUBECTL_NETNS_IMAGE") or DEFAULT_IMAGE

    def start(self) -> None:
        kubectl(self.environment, "create", "namespace", NAMESPACE, check=False)
        for node in get(self.environment, "nodes")["items"]:
            name = node["metadata"]["name"]
            self.names[name] = f"web-{name}"
            self.create(f"web-{name}", name)
        for pod in self.names.values():
            self.wait(pod)

    def create(self, name: str, node: str | None, **spec: Any) -> str:
        kubectl(self.environment, "delete", "pod", "-n", NAMESPACE, name, "--ignore-not-found", "--grace-period=0", "--force")
        text = json.dumps(manifest(name, node, self.image, **spec))
        kubectl(self.environment, "create", "-f", "-", stdin=text)
        self.made.append(name)
        return name

    def wait(self, name: str, phase: str = "Running", seconds: float = 90) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            pod: dict[str, Any] = get(self.environment, "pod", "-n", NAMESPACE, name)
            if pod["status"].get("phase") == phase:
                return pod
            assert time.monotonic() < deadline, f"{name} is {pod['status']}"
            time.sleep(0.2)

    def delete(self, *names: str) -> None:
        kubectl(self.environment, "delete", "pod", "-n", NAMESPACE, *names, "--ignore-not-found", "--grace-period=0", "--force")

    def remove(self) -> None:
        if self.made:
            self.delete(*self.made)
