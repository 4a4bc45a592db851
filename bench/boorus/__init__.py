"""Whether the demo's other kinds of sites answer as those do."""
