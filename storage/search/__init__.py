"""The site's search language over what we know: parsed once, evaluated on a record or compiled to SQL.

`language` turns text into a frozen `tree`, `metatags` are the names that it knows, `ranges` and `days` read `>=5` and
`2024-05`, `meaning` says what a term asks, `match` evaluates a tree on one `Post`, `sql` compiles it to a query over
the database.
"""
