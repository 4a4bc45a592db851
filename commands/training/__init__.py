"""What `crawl train` is put together from."""
