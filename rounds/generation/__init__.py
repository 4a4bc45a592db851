"""Generators of pictures: trained on a folder, and painting for classes that have few pictures."""
