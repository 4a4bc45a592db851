"""What following a gallery for a month costs."""
