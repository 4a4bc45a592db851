"""A model package on disk: written, read, checked, copied."""
