"""The steps of `crawl classify`: what it is asked for, who looks, what is compared, and what comes out."""
