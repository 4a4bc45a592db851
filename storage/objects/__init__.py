"""A gallery's pictures as objects of an S3-compatible store, through fsspec."""
