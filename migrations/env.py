"""Alembic's entry: runs the steps on the connection that `storage.database.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from storage.database.tables import Base


def run() -> None:
    """Run the asked-for steps."""
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise RuntimeError("migrations run when a gallery is opened, not from the alembic command")
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=False
    )
    context.run_migrations()


run()
