"""How each reader wants its files: a module a format."""
