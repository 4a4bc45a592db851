"""A smaller rendition first, a larger one in doubt: does it decide as the larger one always would?"""
