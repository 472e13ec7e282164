"""Facts → text. No I/O, no clock, no environment: the same facts give the same text."""
