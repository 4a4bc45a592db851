"""Misbehaviour by rules."""
