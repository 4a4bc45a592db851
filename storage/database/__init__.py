"""The SQLite file itself: connection, schema, the one writer, errors translated."""
