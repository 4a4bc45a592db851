"""Whether painted pictures help where a character has few real ones: the same draws, with and without them."""
