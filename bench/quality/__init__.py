"""Errors of the seven-layer recipe and of our own training, side by side."""
