"""The learning loop: examples from tags, and the models that they teach."""
