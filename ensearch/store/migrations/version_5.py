"""Version 4 -> 5: a study knows why its last run ended, and keeps its answer.

Nobody wrote down why the runs of version 4 ended, but that they did is known, because no driver may
run when a storage is migrated: their studies are not taken for ones that are under way.
"""

from sqlalchemy import Connection

_COLUMNS = {"ended": "VARCHAR(32)", "answer": "TEXT", "answer_of": "VARCHAR(64)"}


def upgrade(connection: Connection) -> None:
    """Change the tables of version 4 to those of version 5."""
    for name, kind in _COLUMNS.items():
        connection.exec_driver_sql(f"ALTER TABLE ensearch_studies ADD COLUMN {name} {kind}")
    connection.exec_driver_sql(
        "UPDATE ensearch_studies SET ended = 'unknown' WHERE trials_asked IS NOT NULL"
    )
