# Everything that a developer does, one target each; `make help` lists them.
#
# CLUSTER=current uses the cluster of your own kubeconfig (kind, minikube, anything) instead of the test cluster.
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
KUBE := python3 -m tests.cluster.kube
PYTEST := $(PYTHON) -m pytest

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

test: check $(VENV)/ready  ## everything: unit, real namespaces (root), the real cluster
	$(PYTEST) -rs tests/unit tests/node tests/cluster tests/dist

unit: $(VENV)/ready  ## the tests that need neither root nor a cluster
	$(PYTEST) tests/unit

check: $(VENV)/ready  ## style, types, and the import table of CONTRIBUTING.md
	$(VENV)/bin/ruff check kubectl_netns krew tests
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

dist: $(VENV)/ready  ## wheel, sdist and krew's archive in dist/, krew/netns.yaml; TO=FOLDER puts all of it there
	$(PYTHON) -m krew dist $(TO)

lock: $(VENV)/ready  ## the newest dependencies for krew's archive, and what builds it, into krew/*.lock
	$(PYTHON) -m krew lock

demo: $(VENV)/ready  ## two pods and the main commands on a real cluster
	@tests/cluster/demo.sh

reference: $(VENV)/ready  ## what is made from the code: JSON Schema, completion's table, man page
	$(PYTHON) -m tests.schema
	$(PYTHON) -m tests.frozen
	$(PYTHON) -m tests.manual

bench: $(VENV)/ready  ## how fast it is, as ratios in one run
	$(PYTHON) -m tests.bench

cluster-up: ## start the test cluster; prints how to use it
	@$(KUBE) up

cluster-down:  ## take it down and leave the machine as it was
	@$(KUBE) down

cluster-status:  ## what of it runs
	@$(KUBE) status

$(VENV)/ready: pyproject.toml
	@python3 -m venv $(VENV) >/dev/null 2>&1 || { apt-get install -y -qq python3-venv && python3 -m venv $(VENV); }
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: help test unit check dist lock demo reference bench cluster-up cluster-down cluster-status
