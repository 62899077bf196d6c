"""Version 9 -> 10: evaluations may be compared by something else than multiply-adds.

Those of version 9 are not, which NULL says.
"""

from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Change the tables of version 9 to those of version 10."""
    connection.exec_driver_sql("ALTER TABLE ensearch_evaluations ADD COLUMN price DOUBLE PRECISION")
