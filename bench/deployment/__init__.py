"""A model in every format that it can be exported in, side by side."""
