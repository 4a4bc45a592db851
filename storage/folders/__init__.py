"""Pictures in a person's own folders: what was seen of them, and moving them without losing any."""
