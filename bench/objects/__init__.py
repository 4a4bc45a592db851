"""Pictures as objects of a store, against pictures in a folder."""
