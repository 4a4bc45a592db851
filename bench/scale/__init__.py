"""What a gallery costs as it grows, in its file and on a Postgres server."""
