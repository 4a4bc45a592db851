"""Deciding every post again by a new model: from stored embeddings, or from stored renditions by a new network."""
