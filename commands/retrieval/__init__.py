"""The steps of `crawl similar`, and what the review page needs of them."""
