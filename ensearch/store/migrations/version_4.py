"""Version 3 -> 4: what was kept in notes, and in the wording of sentences, gets columns.

Version 3 kept notes of free form under names such as `labels FINGERPRINT`; who trained a member as
`STUDY confirm-1`; whether a model may have seen val in the end of its origin; whether val and test
are halves of held-out images in the name of a dataset; uses of test as command lines.

What a confirmation says of its search's crossover was a sentence for people, whose words changed.
It stays away: to recompute it takes the analysis of both fronts. The next request for the same
confirmation, which trains nothing, keeps it.
"""

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from ensearch.store.migrations import _version_4_tables as new

_MAY_HAVE_SEEN = "; val is cut from training images, which it may have seen"
_HALVED = ", held-out images halved with seed "
# The verb that used the half on which models are selected, before it was recorded which half.
_USED_SOME_HALF = "pool"

# By study, "" for the storage itself, and name.
Notes = dict[str, dict[str, Any]]
Rows = list[dict[str, Any]]


def upgrade(connection: Connection) -> None:
    """Change the tables of version 3 to those of version 4."""
    notes = _notes(connection)
    members, models = _members(connection), _models(connection, notes[""])
    for name in ("ensearch_members", "ensearch_pool", "ensearch_notes"):
        connection.exec_driver_sql(f"DROP TABLE {name}")
    for name, kind in new.STUDY_COLUMNS.items():
        connection.exec_driver_sql(f"ALTER TABLE ensearch_studies ADD COLUMN {name} {kind}")
    new.metadata.create_all(connection)  # outcomes only where an early version 3 had none
    _insert(connection, "members", members)
    _insert(connection, "pool", models)
    _insert(connection, "study_labels", _study_labels(notes))
    _insert(connection, "speeds", _speeds(notes))
    _insert(connection, "group_speeds", _group_speeds(notes[""]))
    _insert(connection, "mixing_gains", _mixing_gains(notes))
    _insert(connection, "confirmations", _confirmations(notes))
    _insert(connection, "datasets", _datasets(notes[""]))
    _insert(connection, "halves", _halves(notes[""]))
    _insert(connection, "uses_of_test", _uses(notes))
    _insert(connection, "folders", [notes[""]["files"]] if "files" in notes[""] else [])
    _fill_studies(connection, notes)


def _notes(connection: Connection) -> Notes:
    notes: Notes = defaultdict(dict)
    for row in connection.execute(text("SELECT study, name, value FROM ensearch_notes")):
        notes[row.study][row.name] = json.loads(row.value)
    return notes


def _beginning(notes: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The notes whose names begin so, by what follows."""
    return {n.removeprefix(prefix): v for n, v in notes.items() if n.startswith(prefix)}


def _of_studies(notes: Notes, name: str) -> list[tuple[str, Any]]:
    """The studies that have a note of that name, and what it holds."""
    return [
        (study, content[name])
        for study, content in notes.items()
        if study and content.get(name) is not None
    ]


def _insert(connection: Connection, name: str, rows: Rows) -> None:
    if rows:
        connection.execute(new.metadata.tables[f"ensearch_{name}"].insert(), rows)


def _rows(connection: Connection, table: str) -> Rows:
    """All rows as they are stored: JSON and times are text."""
    return [dict(row._mapping) for row in connection.execute(text(f"SELECT * FROM {table}"))]


def _members(connection: Connection) -> Rows:
    rows = [
        dict(row._mapping) for row in connection.execute(text("SELECT * FROM ensearch_members"))
    ]
    for row in rows:
        study, _, stage = row.pop("trained_by").partition(" ")
        row |= {"study": study, "stage": stage or "search"}
    return rows


def _models(connection: Connection, notes: dict[str, Any]) -> Rows:
    rows = _rows(connection, "ensearch_pool")
    inputs = _beginning(notes, "inputs ")
    for row in rows:
        said = inputs.get(row["name"])
        row |= {
            "may_have_seen_val": row["origin"].endswith(_MAY_HAVE_SEEN),
            "inputs": None if said is None else json.dumps(said),
        }
    return rows


def _study_labels(notes: Notes) -> Rows:
    return [
        {"study": study, "split": split, "labels": labels}
        for split in ("val", "test")
        for study, labels in _of_studies(notes, f"{split}_labels")
    ]


def _speeds(notes: Notes) -> Rows:
    rows = []
    for study, speeds in _of_studies(notes, "speed"):
        for where, speed in speeds.items():
            parts = where.rsplit(", ", 2)  # DEVICE, PyTorch VERSION, BATCH SIZE
            if len(parts) == 3 and parts[2].isdecimal() and "measured" in speed:
                row = {"device": parts[0], "torch": parts[1].removeprefix("PyTorch ")}
                measured = datetime.fromisoformat(speed["measured"])
                row |= speed | {"batch_size": int(parts[2]), "measured": measured}
                rows.append(row | {"study": study})
    return rows


def _group_speeds(notes: dict[str, Any]) -> Rows:
    every = _beginning(notes, "measured ").values()
    by_key = {(s["network"], s["place"], s["members"]): s for speeds in every for s in speeds}
    same = ("place", "members", "rates", "dropped")
    return [
        {name: speed[name] for name in same}
        | {"lockstep_key": speed["network"], "strategy": speed["way"]}
        for speed in by_key.values()
    ]


def _mixing_gains(notes: Notes) -> Rows:
    kept = _of_studies(notes, "diversity")
    return [gain["lead"] | {"study": study, "members": gain["of"]} for study, gain in kept]


def _confirmations(notes: Notes) -> Rows:
    names = ("number", "request", "budgets", "finalists")
    return [
        {name: plan[name] for name in names}
        | {
            "study": study,
            "created": datetime.fromisoformat(plan["created"]),
            "finished": plan.get("finished", False),
            "failures": plan.get("failures", []),
        }
        for study, plans in _of_studies(notes, "confirmations")
        for plan in plans
    ]


def _datasets(notes: dict[str, Any]) -> Rows:
    rows = []
    for fingerprint, value in _beginning(notes, "labels ").items():
        spec, halved, seed = value["spec"].rpartition(_HALVED)
        known = bool(halved) and seed.removeprefix("-").isdecimal()
        rows.append(
            {
                "fingerprint": fingerprint,
                "spec": spec if known else value["spec"],
                "halves_seed": int(seed) if known else None,
                "labels": value["labels"],
                "lasts": value.get("lasts", False),
            }
        )
    return rows


def _halves(notes: dict[str, Any]) -> Rows:
    return [{"labels": labels} | value for labels, value in _beginning(notes, "half ").items()]


def _uses(notes: Notes) -> Rows:
    rows = []
    for whole, looks in _beginning(notes[""], "openings ").items():
        for look in looks:
            row = _use(look["what"], look["opened"])
            unknown_half = "of" not in look and row["verb"] == _USED_SOME_HALF
            labels = None if unknown_half else look.get("of", whole)
            rows.append(row | {"labels": labels, "whole": whole})
    for study, openings in _of_studies(notes, "openings"):
        for opening in openings:
            row = _use("confirm", opening["opened"])
            rows.append(row | {"details": study, "study": study, "plan": opening["plan"]})
    return sorted(rows, key=lambda row: row["used"])


def _use(command: str, used: str) -> dict[str, Any]:
    """`pool show --test B0` was used by the verb `pool show`, with the details `B0`."""
    verb, _, options = command.partition(" --")
    return {
        "verb": verb,
        "details": options.partition(" ")[2],
        "used": datetime.fromisoformat(used),
        "labels": None,
        "whole": None,
        "study": None,
        "plan": None,
    }


def _fill_studies(connection: Connection, notes: Notes) -> None:
    kinds = {"ladder": "ladder", "remarks": "data", "trials_asked": "trials"}
    for column, note in kinds.items():
        statement = text(f"UPDATE ensearch_studies SET {column} = :value WHERE name = :study")
        for study, value in _of_studies(notes, note):
            stored = json.dumps(value) if column in ("ladder", "remarks") else value
            connection.execute(statement, {"value": stored, "study": study})
