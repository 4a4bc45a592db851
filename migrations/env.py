"""Alembic's entry: runs the steps on the connection that `storage.database.migrate` hands over, in its transaction.

Connection and tables arrive as attributes of Alembic's configuration, so that this folder imports nothing of `storage`,
which runs it.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, MetaData


def run() -> None:
    """Run the asked-for steps."""
    given = context.config.attributes
    connection, tables = given.get("connection"), given.get("target_metadata")
    if not isinstance(connection, Connection) or not isinstance(tables, MetaData):
        raise RuntimeError("migrations run when a gallery is opened, not from the alembic command")
    context.configure(
        connection=connection,
        target_metadata=tables,
        render_as_batch=True,
        transactional_ddl=False,
        on_version_apply=lambda step, **_: given["on_step"](step.up_revision_id),
    )
    context.run_migrations()


run()
