"""Searches that were crawled and are followed since."""
