"""Version 10 -> 11: members name their strategy, measurements tell if they came to an end.

Of members of version 10 nobody knows; what was measured then is taken as it is.
"""

from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Change the tables of version 10 to those of version 11."""
    for change in (
        "ensearch_members ADD COLUMN strategy VARCHAR(255) NOT NULL DEFAULT ''",
        "ensearch_group_speeds ADD COLUMN complete BOOLEAN NOT NULL DEFAULT TRUE",
    ):
        connection.exec_driver_sql(f"ALTER TABLE {change}")
