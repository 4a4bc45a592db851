"""Vectors of the whole gallery as one matrix in a mapped file: a cache that the database can always fill again."""
