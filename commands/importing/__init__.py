"""The steps of `crawl import`."""
