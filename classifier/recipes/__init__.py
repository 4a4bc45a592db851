"""Whole trainings by name: a record of settings, a network that learns from scratch or goes on, one loop for all."""
