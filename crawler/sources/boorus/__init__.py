"""Sites that run other software than Danbooru: a client each, behind the protocol of `crawler.sources.site_client`."""
