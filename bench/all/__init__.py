"""Every claim about speed and size, measured by one command, in one table: docs/benchmarks.md."""
