"""`python -m commands`: the same program as `crawl`."""

from commands.app import main

main()
