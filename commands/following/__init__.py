"""The steps of `crawl sync`."""
