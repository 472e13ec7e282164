"""`kubectl netns`: the network namespaces of pods, seen from the workstation.

Read `client/survey.py` first: it tells the whole story. No code belongs in the `__init__` of any package here.
"""

__version__ = "0.1.0"
