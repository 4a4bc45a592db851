"""The steps of `crawl generate`: training a generator, painting with it."""
