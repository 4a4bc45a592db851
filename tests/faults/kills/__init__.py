"""Real commands, killed at random moments."""
