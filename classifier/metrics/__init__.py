"""Figures: what is to be expected of a model, and whether that may be believed."""
