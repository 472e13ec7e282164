"""`python3 -m kubectl_netns`: the same as `kubectl netns`, where it is not on PATH."""

from .cli import main

if __name__ == "__main__":
    main()
