"""The database's history, one step a file; run by `storage.database.migrate`, never by hand.

A released step is never edited. `HEAD` lets the program see that nothing is to be done without loading Alembic.
"""

HEAD = "0012"
