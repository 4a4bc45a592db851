"""A model as an HTTP service: encoded pictures in, probabilities and decisions out. Knows no gallery and no network."""
