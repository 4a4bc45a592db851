"""A target from a few pictures that a person names."""
