"""Weights that others publish, read from their files: bounded, without running anything that lies in them."""
