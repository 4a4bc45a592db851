"""What other tools get, and what it costs."""
