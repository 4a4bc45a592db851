"""The site: polite client, listing, downloads; and the main job (`crawler.pipeline`)."""
