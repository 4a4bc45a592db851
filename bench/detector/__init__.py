"""Whether a detector of heads, learned from a gallery's tags alone, would pay on whole illustrations."""
