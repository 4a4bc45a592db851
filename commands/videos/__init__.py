"""The steps of `crawl frames` and `crawl watch`."""
