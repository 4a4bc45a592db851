"""The site's search language over what we know: parsed once, evaluated on a record or compiled to SQL.

`language` turns text into a frozen tree, `ranges` reads `>=5` and `2d..1mo`, `match` evaluates a tree on one `Post`,
`sql` compiles it to a query over the database.
"""
