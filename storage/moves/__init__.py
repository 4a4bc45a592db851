"""Moves of originals between gallery and trash, and their removal: decided, committed, carried out."""
