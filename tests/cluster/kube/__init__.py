"""A real Kubernetes with two nodes on one machine, for tests and demos. `python3 -m tests.cluster.kube up|down|…`.

Standard library only: it runs before any virtual environment exists. Start reading at `cluster.py`.
"""
