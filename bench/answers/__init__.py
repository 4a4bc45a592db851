"""How far people's answers go."""
