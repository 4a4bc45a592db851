"""Moving pictures: their frames with times, decoded in a process of their own, and who appears in them when."""
