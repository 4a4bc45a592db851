"""Following a search that was crawled: what is new in it, and what has changed."""
