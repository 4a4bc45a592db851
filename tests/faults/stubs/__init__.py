"""Programs and parts that misbehave, or stand for something slow."""
