"""Proxies on the way to the API server: for each setting we ask the proxy for what kubectl asks it for, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubectl_netns.errors import ExitStatus
from tests.cluster import pods, proxy
from tests.cluster.kube.cluster import NODES
from tests.cluster.kube.places import GATEWAY
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Run

NAMES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
NAME = "api.only-the-proxy-knows"


@pytest.fixture
def ours() -> Iterator[proxy.Proxy]:
    with proxy.running() as running:
        running.hosts[NAME] = GATEWAY
        yield running


def config(folder: Path, environment: dict[str, str], **cluster: str) -> str:
    """The test cluster's kubeconfig, with more in its cluster's entry."""
    content = yaml.safe_load(Path(environment["KUBECONFIG"]).read_text())
    content["clusters"][0]["cluster"].update({name.replace("_", "-"): value for name, value in cluster.items()})
    path = folder / "proxied"
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.mark.parametrize(
    ("cluster", "variables", "asked"),
    [
        ({}, {}, False),
        ({}, {"HTTPS_PROXY": "http://{0}"}, True),
        ({}, {"https_proxy": "http://{0}"}, True),
        ({}, {"https_proxy": "{0}"}, True),
        ({}, {"HTTPS_PROXY": "http://{0}", "https_proxy": "http://127.0.0.1:1"}, True),
        ({}, {"HTTPS_PROXY": "http://a:b%40c@{0}"}, True),
        ({}, {"HTTPS_PROXY": "socks5://{0}"}, True),
        ({}, {"HTTP_PROXY": "http://{0}", "http_proxy": "http://{0}"}, False),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": GATEWAY}, False),
        ({}, {"HTTPS_PROXY": "http://{0}", "no_proxy": "example.com, 172.30.0.0/16"}, False),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": "*"}, False),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": f"{GATEWAY}:6443"}, False),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": f"{GATEWAY}:443"}, True),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": f"::ffff:{GATEWAY}"}, False),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": GATEWAY[3:]}, True),
        ({}, {"HTTPS_PROXY": "http://{0}", "NO_PROXY": "example.com"}, True),
        ({"proxy_url": "http://{0}"}, {}, True),
        ({"proxy_url": "http://{0}"}, {"NO_PROXY": "*", "HTTPS_PROXY": "http://127.0.0.1:1"}, True),
        ({"proxy_url": "http://{0}"}, {"HTTPS_PROXY": "http://127.0.0.1:1"}, True),
        ({"proxy_url": "http://me:secret@{0}"}, {}, True),
        ({"proxy_url": "socks5://{0}"}, {}, True),
        ({"proxy_url": "socks5://me:secret@{0}"}, {}, True),
        ({"proxy_url": "socks5://{0}", "server": f"https://{NAME}:6443", "tls_server_name": GATEWAY}, {}, True),
        ({"proxy_url": "http://{0}", "server": f"https://{NAME}:6443", "tls_server_name": GATEWAY}, {}, True),
    ],
)
def test_the_proxy_is_asked_for_what_kubectl_asks_it_for(
    run: Run, ours: proxy.Proxy, tmp_path: Path, environment: dict[str, str], cluster: dict[str, str], variables: dict[str, str], asked: bool
) -> None:
    kubeconfig = config(tmp_path, environment, **{name: value.format(ours.address) for name, value in cluster.items()})
    settings = {"KUBECONFIG": kubeconfig, **dict.fromkeys(NAMES, ""), **{name: value.format(ours.address) for name, value in variables.items()}}
    pods.kubectl({**environment, **settings}, "get", "--raw", "/version")
    kubectl_s = set(ours.asked)
    assert bool(kubectl_s) == asked
    ours.asked.clear()
    answer = run("--node", "nope", "list", environment=settings)
    assert answer.status == ExitStatus.NOT_FOUND, answer.err
    assert set(ours.asked) == kubectl_s


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_pod_is_shown_through_a_proxy(
    run: Run, ours: proxy.Proxy, tmp_path: Path, environment: dict[str, str], workloads: Workloads, scheme: str
) -> None:
    kubeconfig = config(tmp_path, environment, proxy_url=f"{scheme}://{ours.address}")
    pod = workloads.names[NODES[0].name]
    answer = run(pod, "-n", NAMESPACE, environment={"KUBECONFIG": kubeconfig})
    assert answer.status == 0 and pod in answer.out, answer.err
    assert len(ours.asked) >= 3  # our own requests, and kubectl's debug and exec


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://user:secret@proxy:1", 'the proxy "ftp://proxy:1" cannot be used'),
        ("http://proxy:99999", 'the proxy "http://proxy:99999" cannot be used'),
        ("http://", 'the proxy "http://" cannot be used'),
        ("socks5://user:secret@127.0.0.1:1", "through the proxy socks5://127.0.0.1:1"),
        ("http://user:secret@127.0.0.1:1", "through the proxy http://127.0.0.1:1"),
    ],
)
def test_a_proxy_that_is_of_no_use(run: Run, tmp_path: Path, environment: dict[str, str], url: str, said: str) -> None:
    answer = run("--node", "nope", "list", environment={"KUBECONFIG": config(tmp_path, environment, proxy_url=url)})
    assert answer.status == ExitStatus.FAILURE and said in answer.err, answer.err
    assert "secret" not in answer.err and "hint: " in answer.err
