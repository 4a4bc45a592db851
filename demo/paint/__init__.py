"""The painter: scenes in, pictures in the anime manner out; seeded, so that the same scene gives the same bytes."""
