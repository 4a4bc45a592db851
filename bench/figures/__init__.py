"""The documentation's pictures, made again by one command each."""
