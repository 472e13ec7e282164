"""What container runtimes know: which sandboxes are there, whose, where. One module a protocol; no kernel reading here."""
