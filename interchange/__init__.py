"""Other tools' formats: datasets that trainers read, sidecars, tables. Knows the gallery's records and files alone."""
