"""The verbs and their options, frozen: `make reference` makes this from what Typer builds, whose import takes too long for a Tab."""

# ruff: noqa: E501
from __future__ import annotations

from .table import Option, Verb

DEFAULT = "show"
VERBS: tuple[Verb, ...] = (
    Verb("show", "POD...", "Show pods' network namespaces, interfaces and where each leads."),
    Verb("list", "", "List every network namespace of a node, and whose it is."),
    Verb("cleanup", "", "Delete left-over agent pods, and those that you kept."),
    Verb("completion", "", "Let the Tab key complete verbs, options, pods and nodes."),
    Verb("version", "", "Print this plug-in's version. No cluster is asked."),
)
OPTIONS: tuple[Option, ...] = (
    Option("--selector -l", "LABELS", "Pods with these labels.", "show"),
    Option("--node", "NODE", "", "show", hidden=True),
    Option("--namespace -n", "NAMESPACE", "Namespace of the pods.", "show list cleanup", kubectls=True),
    Option("--context", "NAME", "Context of the kubeconfig.", "show list cleanup", kubectls=True),
    Option("--kubeconfig", "FILE", "Kubeconfig to use.", "show list cleanup", kubectls=True),
    Option("--cluster", "NAME", "Cluster of the kubeconfig.", "show list cleanup", kubectls=True),
    Option("--user", "NAME", "User of the kubeconfig.", "show list cleanup", kubectls=True),
    Option("--server -s", "URL", "The API server's address.", "show list cleanup", kubectls=True),
    Option("--token", "TOKEN", "Bearer token for the API server.", "show list cleanup", kubectls=True),
    Option("--as", "USER", "User to impersonate.", "show list cleanup", kubectls=True),
    Option("--as-group", "GROUP", "Group to impersonate; may be repeated.", "show list cleanup", several=True, kubectls=True),
    Option("--as-uid", "UID", "UID to impersonate.", "show list cleanup", kubectls=True),
    Option("--request-timeout", "TIME", "How long one request to the API server may take.", "show list cleanup", kubectls=True),
    Option("--insecure-skip-tls-verify", "", "Do not check the server's certificate.", "show list cleanup", kubectls=True),
    Option("--tls-server-name", "NAME", "Name that the server's certificate must bear.", "show list cleanup", kubectls=True),
    Option("--certificate-authority", "FILE", "Certificate that the server's is checked against.", "show list cleanup", kubectls=True),
    Option("--client-certificate", "FILE", "Client certificate for TLS.", "show list cleanup", kubectls=True),
    Option("--client-key", "FILE", "Its key.", "show list cleanup", kubectls=True),
    Option("--cache-dir", "FOLDER", "kubectl's cache.", "show list cleanup", kubectls=True),
    Option("--verbose -v", "", "Tell what is done, each step with its time.", "show list cleanup"),
    Option("--image", "IMAGE", "Image with python3 for the agent.", "show list cleanup"),
    Option("--agent-namespace", "NAMESPACE", "Namespace of its pod; by default the context's.", "show list cleanup"),
    Option("--timeout", "TIME", "How long a node may take: 90, 90s or 2m.", "show list cleanup"),
    Option("--keep", "TIME", "Leave it for the next command on its node, for so long.", "show list cleanup"),
    Option("--local", "", "Look at this machine itself; no cluster is asked.", "show list"),
    Option("--output -o", "VALUE", "How to print the answer.", "show list", values="table wide json yaml ip name"),
    Option("--show", "WHAT,...", "Also routes, neighbours, rules, sockets, statistics; or all.", "show list", values="routes neighbours rules sockets statistics all"),
    Option("--help -h", "", "Show this message and exit.", "show list cleanup completion version"),
    Option("--node", "NODE", "Node to look at; may be repeated.", "list", several=True),
    Option("--all-nodes", "", "Look at every node of the cluster.", "list"),
    Option("--all-namespaces -A", "", "Look in every namespace.", "cleanup"),
    Option("--running", "", "Also those that still run: somebody may be using them just now.", "cleanup"),
    Option("--dry-run", "", "Only tell what would be deleted.", "cleanup"),
    Option("--install", "", "Put kubectl_complete-netns on PATH.", "completion"),
    Option("--uninstall", "", "Delete what --install made.", "completion"),
    Option("--to", "FOLDER", "The folder for it, or to delete it from.", "completion"),
)
