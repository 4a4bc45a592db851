"""Ways to learn a character from 5, 10 or 20 pictures, side by side."""
