"""How the project is packed: wheel, sdist, and the archive and manifest for krew. `make dist` runs it."""
