"""From a path to a gallery that may be worked on, and whether it is still whole."""
