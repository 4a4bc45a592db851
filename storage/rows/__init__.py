"""Records to rows and back, a table or two a module."""
