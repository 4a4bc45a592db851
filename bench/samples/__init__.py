"""Galleries and pictures that several benchmarks are run on."""
