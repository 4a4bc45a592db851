"""How long a report of a large gallery takes."""
