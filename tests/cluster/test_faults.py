"""Everything that can go wrong between the workstation and the node, in one table: where each fault is tried on the real cluster.

The faults of the stream itself are tried here: a kubectl in front of the real one changes what `exec` brings back from a real agent.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from kubectl_netns import wire
from kubectl_netns.errors import ExitStatus
from tests.cluster import pods
from tests.cluster.pods import NAMESPACE, Workloads
from tests.conftest import Outcome, Run

HERE = Path(__file__).parent
FAULTS = {
    "no such pod": "test_errors.py::test_told_without_an_agent",
    "no such node": "test_errors.py::test_told_without_an_agent",
    "no such owner (deployment)": "test_errors.py::test_told_without_an_agent",
    "a selector that matches nothing": "test_errors.py::test_told_without_an_agent",
    "a word that is no pod": "test_errors.py::test_told_without_an_agent",
    "an unknown option, format or time": "test_errors.py::test_told_without_an_agent",
    "no such context": "test_errors.py::test_told_without_an_agent",
    "no kubeconfig": "test_errors.py::test_no_kubeconfig",
    "a broken kubeconfig": "test_errors.py::test_a_broken_kubeconfig",
    "the API server cannot be reached": "test_errors.py::test_an_unreachable_cluster",
    "a pod on no node": "test_errors.py::test_a_pod_on_no_node",
    "a pod without a sandbox": "test_errors.py::test_a_pod_that_cannot_get_a_sandbox",
    "a completed pod": "test_errors.py::test_a_completed_pod",
    "one bad pod among good ones": "test_errors.py::test_one_bad_pod_does_not_spoil_the_others",
    "a node that is not ready": "test_errors.py::test_a_node_that_is_not_ready",
    "a node whose lease is stale": "test_errors.py::test_a_node_whose_lease_is_stale",
    "a Windows node": "test_errors.py::test_a_windows_node",
    "a kubelet that does not answer": "test_errors.py::test_a_kubelet_that_does_not_answer",
    "an image that cannot be pulled": "test_errors.py::test_an_image_that_cannot_be_pulled",
    "an image without python3": "test_errors.py::test_an_image_without_python",
    "an image with an old Python": "test_faults.py::test_an_image_with_an_old_python",
    "kubectl is missing": "test_errors.py::test_kubectl_is_missing",
    "kubectl is too old": "test_errors.py::test_kubectl_is_too_old",
    "a user with few rights": "test_errors.py::test_a_user_with_few_rights",
    "rights are missing, and named": "test_errors.py::test_the_missing_rights_are_named",
    "a policy against privileged pods": "test_errors.py::test_a_policy_that_allows_no_privileged_pods",
    "a quota": "test_faults.py::test_a_quota",
    "the agent's namespace does not exist": "test_faults.py::test_the_agents_namespace_does_not_exist",
    "SIGINT, SIGTERM, SIGHUP at ten moments": "test_nothing_stays.py::test_interrupted_at_any_stage",
    "SIGINT while the pod starts": "test_nothing_stays.py::test_interrupted_while_the_pod_starts",
    "SIGKILL, or silence, while a command runs inside": "test_exec.py::test_a_killed_client_leaves_no_process",
    "the agent, or its supervisor, is killed while a command runs": "../node/test_exec.py::test_whoever_is_killed_takes_the_command_along",
    "a full disk for a command's output": "../node/test_exec.py::test_a_full_disk_is_told_and_ends_the_command",
    "a command that is missing": "test_exec.py::test_a_command_that_is_missing",
    "SIGKILL": "test_nothing_stays.py::test_a_killed_clients_agent_ends_by_itself_and_cleanup_removes_it_and_nothing_else",
    "two people at once": "test_nothing_stays.py::test_two_people_on_one_node_do_not_disturb_each_other",
    "a kept agent that does not answer": "test_keep.py::test_one_that_does_not_answer_any_more_is_replaced",
    "a kept agent of somebody else": "test_keep.py::test_somebody_elses_or_another_versions_is_not_taken",
    "a kept agent whose process was killed": "test_keep.py::test_a_process_with_the_agent_in_it_waits_for_the_next_command",
    "a kept agent whose process is stopped": "test_keep.py::test_one_whose_process_is_stopped_is_sent_the_agent_anew",
    "a proxy that is none, or that is not there": "test_proxies.py::test_a_proxy_that_is_of_no_use",
    "somebody deletes the agent's pod": "test_faults.py::test_somebody_deletes_the_agent_pod",
    "the runtime is dead": "../node/test_runtimes.py::test_a_dead_runtime_costs_a_warning_and_not_the_answer",
    "another program at the runtime's socket": "test_hard_cases.py::test_runtime_socket_is_foreign",
    "a pause process that was killed": "test_hard_cases.py::test_two_sandboxes_for_a_pod",
    "noise before, between and after the frames": "test_faults.py::test_the_stream",
    "a cut, changed, oversized, foreign or silent stream": "test_faults.py::test_the_stream",
    "an agent of another version, a wrong nonce": "test_faults.py::test_the_stream",
    "escape sequences in names": "test_hard_cases.py::test_names_with_control_characters",
    "kubectl exec fails": "test_faults.py::test_the_stream",
    "kubectl debug never ends": "test_faults.py::test_kubectl_debug_never_ends",
}
ELSEWHERE = {
    "a virtual kubelet, Fargate": "no such kubelet here: tests/unit/client/test_survey.py and nodes.refuse_unusable",
    "Pod Security admission, OpenShift SCC, GKE Autopilot": "not in 1.20: recorded texts in tests/unit/client/test_agent_pod.py",
    "an image for another architecture": "one architecture here: recorded text in tests/unit/client/test_agent_pod.py",
    "the network is cut for good": "the same to the agent as a killed client: it hears nothing more",
}


def test_the_table_names_tests_that_exist() -> None:
    assert len(FAULTS) >= 40
    for fault, where in FAULTS.items():
        file, _, name = where.partition("::")
        functions = {node.name for node in ast.walk(ast.parse((HERE / file).read_text())) if isinstance(node, ast.FunctionDef)}
        assert name in functions, fault


WRAPPER = """#!{python}
import os, subprocess, sys
mode, real = {mode!r}, {real!r}
if "exec" not in sys.argv:
    os.execv(real, [real, *sys.argv[1:]])
if mode == "fails":
    sys.exit("error: unable to upgrade connection: the kubelet is on strike")
if mode == "silent":
    import time
    time.sleep(100)
said = subprocess.run([real, *sys.argv[1:]], stdin=0, stdout=subprocess.PIPE).stdout
first = said.index(b"KNS") - 1
hello = 9 + int.from_bytes(said[first + 5:first + 9], "big")
second = first + hello
half = second + (len(said) - second) // 2
answer = {{
    "noise before": b"Defaulted container\\x1b[31m \\r\\n" + said,
    "noise after": said + b"bye\\n",
    "noise between": said[:second] + b"WARNING: be careful" + said[second:],
    "cut": said[:half],
    "cut after hello": said[:second],
    "changed": said[:half] + bytes([said[half] ^ 1]) + said[half + 1:],
    "oversized": said[:second + 5] + b"\\xff\\xff\\xff\\xff" + said[second + 9:],
    "foreign": b"<html>" * 20000,
    "nothing": b"",
    "wrong nonce": said.replace(b'"nonce": "', b'"nonce": "f', 1).replace(hello.to_bytes(4, "big"), hello.to_bytes(4, "big"))[:first + 5]
                   + (hello - 9 + 1).to_bytes(4, "big") + said[first + 9:].replace(b'"nonce": "', b'"nonce": "f', 1),
    "other version": said.replace(b'"version": {version}', b'"version": 9', 1),
    "twice": said + said,
}}[mode]
sys.stdout.buffer.write(answer)
"""


def changed(run: Run, workloads: Workloads, folder: Path, mode: str, *words: str) -> Outcome:
    program = folder / "kubectl"
    program.write_text(WRAPPER.format(version=wire.VERSION, python=sys.executable, mode=mode, real=shutil.which("kubectl")))
    program.chmod(0o755)
    name = next(iter(workloads.names.values()))
    return run(name, "-n", NAMESPACE, "-o", "name", *words, environment={"PATH": f"{folder}:{os.environ['PATH']}"})


@pytest.mark.parametrize(("mode", "status", "said"), [
    ("noise before", ExitStatus.ANSWERED, ""),
    ("noise after", ExitStatus.ANSWERED, ""),
    ("twice", ExitStatus.ANSWERED, ""),
    ("noise between", ExitStatus.FAILURE, "foreign bytes where a frame should begin"),
    ("cut", ExitStatus.FAILURE, "cut short"),
    ("cut after hello", ExitStatus.FAILURE, "cut short"),
    ("changed", ExitStatus.FAILURE, "does not match its checksum"),
    ("oversized", ExitStatus.FAILURE, "more than the"),
    ("foreign", ExitStatus.FAILURE, "foreign bytes"),
    ("nothing", ExitStatus.FAILURE, "ended without an answer"),
    ("wrong nonce", ExitStatus.FAILURE, "nonce is not ours"),
    ("other version", ExitStatus.FAILURE, "speaks version 9"),
    ("fails", ExitStatus.FAILURE, "the kubelet is on strike"),
])  # fmt: skip
def test_the_stream(workloads: Workloads, run: Run, tmp_path: Path, mode: str, status: ExitStatus, said: str) -> None:
    """A wrong word gives an error or is skipped, never a wrong answer; the `run` fixture sees that no agent stays."""
    answer = changed(run, workloads, tmp_path, mode)
    assert answer.status == status, answer.err
    assert said in answer.err and "\x1b" not in answer.err
    assert bool(re.fullmatch(r"/run/\S+/\S+\n", answer.out)) == (status == ExitStatus.ANSWERED)


def test_a_silent_stream_ends_in_time(workloads: Workloads, run: Run, tmp_path: Path) -> None:
    answer = changed(run, workloads, tmp_path, "silent", "--timeout", "4s")
    assert answer.status == ExitStatus.NODE and "did not answer within 4 s" in answer.err


def test_kubectl_debug_never_ends(workloads: Workloads, run: Run, tmp_path: Path) -> None:
    program = tmp_path / "kubectl"
    program.write_text('#!/bin/sh\ncase "$*" in *debug*) exec sleep 100;; esac\nexec kubectl "$@"\n')
    program.chmod(0o755)
    name = next(iter(workloads.names.values()))
    answer = run(name, "-n", NAMESPACE, "--timeout", "3s", environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert answer.status == ExitStatus.NODE and "did not end within 3 s" in answer.err


def test_the_agents_namespace_does_not_exist(workloads: Workloads, run: Run) -> None:
    answer = run(next(iter(workloads.names.values())), "-n", NAMESPACE, "--agent-namespace", "nowhere")
    assert answer.status == ExitStatus.NOT_FOUND and '"nowhere"' in answer.err and "--agent-namespace" in answer.err


def test_a_quota(workloads: Workloads, run: Run, environment: dict[str, str]) -> None:
    pods.kubectl(environment, "create", "namespace", "netns-quotas", check=False)
    pods.kubectl(environment, "create", "quota", "none", "--hard=pods=0", "-n", "netns-quotas")
    # what the controller-manager would count, which the test cluster has not
    counted = '{"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}}'
    pods.kubectl(environment, "patch", "quota", "none", "-n", "netns-quotas", "--subresource=status", "--type=merge", "-p", counted)
    try:
        name = next(iter(workloads.names.values()))
        answer = run(name, "-n", NAMESPACE, "--agent-namespace", "netns-quotas")
        assert answer.status == ExitStatus.REFUSED and "quota" in answer.err and "--agent-namespace" in answer.err
    finally:
        pods.kubectl(environment, "delete", "quota", "none", "-n", "netns-quotas")


def test_an_image_with_an_old_python(workloads: Workloads, run: Run, tmp_path: Path) -> None:
    """No such image here: the agent's first words are told on the way that they run on 3.9."""
    program = tmp_path / "kubectl"
    real = shutil.which("kubectl")
    program.write_text(f"#!{sys.executable}\nimport os, sys\nold = 'import sys; sys.version_info = (3, 9, 2)\\n'\n"
                       f"words = [old + word if word.startswith('\"\"\"The agent') else word for word in sys.argv[1:]]\n"
                       f"os.execv({real!r}, [{real!r}, *words])\n")  # fmt: skip
    program.chmod(0o755)
    name = next(iter(workloads.names.values()))
    begun = time.monotonic()
    answer = run(name, "-n", NAMESPACE, environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert time.monotonic() - begun < 20  # and not only when the waiter's time is up
    assert answer.status == ExitStatus.NODE and "the image has Python 3.9, the agent needs 3.10 or newer" in answer.err


def test_somebody_deletes_the_agent_pod(workloads: Workloads, run: Run, tmp_path: Path) -> None:
    """Between its start and the question: the kubectl that should ask it deletes it first."""
    program = tmp_path / "kubectl"
    real = shutil.which("kubectl")
    program.write_text(f'#!/bin/sh\ncase "$*" in *exec*) {real} delete pod -n default --all --force --grace-period=0 >&2;; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    name = next(iter(workloads.names.values()))
    answer = run(name, "-n", NAMESPACE, environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert answer.status in (ExitStatus.NODE, ExitStatus.FAILURE), answer.err
    assert "deleted" in answer.err or "without an answer" in answer.err
