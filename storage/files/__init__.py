"""The files of a gallery: paths, folders reached through directory handles, the lock."""
