"""A generator of faces: two networks that learn against each other, what makes them better, and how good they are.

The five-layer networks and four published trainings by number; `best` is what this program makes of them. Everything
that it paints is marked as synthetic, wherever it goes.
"""
