"""A model for elsewhere: its scoring as one network, and that network in the formats that other programs load."""
