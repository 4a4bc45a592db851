"""Models on their way out of the program: exported into other formats, and served."""
