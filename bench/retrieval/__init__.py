"""Similar pictures: how fast they are found, and by which measure of likeness."""
