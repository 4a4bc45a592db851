"""The parts of `crawl --tag … --keep …` besides the pipeline itself."""
