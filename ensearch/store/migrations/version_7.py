"""Version 6 -> 7: a confirmation may look at test several times.

Those of version 6 have looked once.
"""

from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Change the tables of version 6 to those of version 7."""
    connection.exec_driver_sql(
        "ALTER TABLE ensearch_confirmations ADD COLUMN looks INTEGER NOT NULL DEFAULT 1"
    )
