"""A model made smaller or faster: a small network that learns from it, fewer channels, or eight-bit numbers."""
