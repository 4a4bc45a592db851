"""What the penultimate layer of a user's tagger is worth to a head."""
