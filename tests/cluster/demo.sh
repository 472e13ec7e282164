#!/usr/bin/env bash
# `make demo`: two pods on a real cluster, and what `kubectl netns` says of them.
#
# Brings up the test cluster; with CLUSTER=current it uses the cluster of your own kubeconfig and its first two Linux nodes.
set -euo pipefail
cd "$(dirname "$0")/../.."
NAMESPACE=netns-demo

if [ "${CLUSTER:-}" != current ]; then
    exports=$(python3 -m tests.cluster.kube up)
    eval "$exports"
    export KUBECACHEDIR=/run/kubectl-netns-cluster/kubectl-cache # and not ~/.kube
fi
PATH="$PWD/.venv/bin:$PATH"

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

nodes=$(kubectl get nodes -l kubernetes.io/os=linux -o name) || exit 1
mapfile -t nodes < <(head -n 2 <<<"$nodes" | cut -d/ -f2)
kubectl create namespace "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
pods=()
for node in "${nodes[@]}"; do
    pods+=("web-$((${#pods[@]} + 1))")
    kubectl apply -f - >/dev/null <<EOF
apiVersion: v1
kind: Pod
metadata: {name: ${pods[-1]}, namespace: $NAMESPACE, labels: {app: web}}
spec:
  nodeName: $node
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  containers:
  - name: web
    image: ${KUBECTL_NETNS_IMAGE:-docker.io/library/python:3-alpine}
    command: [python3, -m, http.server]
EOF
done
kubectl wait pod --namespace "$NAMESPACE" --for=condition=Ready --timeout=120s "${pods[@]}" >/dev/null

show kubectl get pods -n "$NAMESPACE" -o wide
for pod in "${pods[@]}"; do
    show kubectl netns "$pod" -n "$NAMESPACE"
done
show kubectl netns --node "${nodes[0]}" list
show kubectl netns find "$(kubectl get pod -n "$NAMESPACE" "${pods[0]}" -o jsonpath={.status.podIP})"
show kubectl netns -l app=web -n "$NAMESPACE" -o name
show kubectl netns "${pods[0]}" -n "$NAMESPACE" -o ip

printf '\nGo on by yourself:\n\n'
[ "${CLUSTER:-}" = current ] || sed 's/^/    /' <<<"$exports"
printf '    export PATH=%q/.venv/bin:$PATH\n    kubectl netns %s -n %s -o json\n' "$PWD" "${pods[0]}" "$NAMESPACE"
printf '\nand take it down again:\n\n'
if [ "${CLUSTER:-}" = current ]; then
    printf '    kubectl delete namespace %s\n' "$NAMESPACE"
else
    printf '    make cluster-down\n'
fi
