"""Benchmarks: one command a claim, both sides of a comparison measured in one run."""
