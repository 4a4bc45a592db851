"""Originals between gallery, trash and nowhere: decided, committed, carried out."""
