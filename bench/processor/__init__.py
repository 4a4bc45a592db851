"""Processor time of a crawl, everything included, by this build and by an older one."""
