"""Version 9 -> 10: evaluations may be compared by something else than multiply-adds.

Those of version 9 are not, which NULL says.
"""

from sqlalchemy import Connection, Double


def upgrade(connection: Connection) -> None:
    """Change the tables of version 9 to those of version 10."""
    kind = Double().compile(dialect=connection.dialect)  # each database has another name for it
    connection.exec_driver_sql(f"ALTER TABLE ensearch_evaluations ADD COLUMN price {kind}")
