"""One target's head: fitted to embeddings, out of fold, with labels that may be wrong."""
