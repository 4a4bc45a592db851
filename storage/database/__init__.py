"""The database itself: connection, schema, the one writer, errors translated; in an SQLite file or on a server."""
