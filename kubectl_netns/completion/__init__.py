"""What the Tab key gives: kubectl runs `kubectl_complete-netns` with the words so far, and shows what that prints.

It must answer before a user notices, so neither Typer nor `kubernetes` is imported here: the verbs and their options are a frozen
table (`verbs.py`, made by `make reference` from what Typer builds; a test compares), and whatever is to be asked of a cluster
is asked by kubectl's own completion.
"""
