"""The published generator and ours: the same pictures, steps, filters and batches, measured on the same unseen ones."""
