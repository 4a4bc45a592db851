"""The site: polite client, listing, downloads; and the main job on one page (`crawler.pipeline`)."""
