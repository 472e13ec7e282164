"""What `make dist` makes, installed as users install it, and run as they run it."""
