"""How much more several workers look at, and what is lost when one is killed."""
