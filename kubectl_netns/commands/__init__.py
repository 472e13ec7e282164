"""One file a verb: options → one question → one rendering. What a namespace is, and how a node is asked, is not known here."""
