"""Backbones run in batches by whichever runtime is fastest here."""
