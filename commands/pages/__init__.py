"""Pages and lists that are made of a gallery for people: files that a browser opens from the disk."""
