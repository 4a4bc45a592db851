"""Samples written in one format: a file a picture, or many in a shard."""
