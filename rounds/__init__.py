"""The learning loop: examples from tags and labels, and the models that are trained on them."""
