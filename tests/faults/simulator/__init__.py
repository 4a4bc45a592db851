"""Random sequences of operations against a model of what must come of them."""
