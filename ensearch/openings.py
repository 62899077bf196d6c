"""How often the labels of a test split have been looked at: every time after the first flatters."""

from datetime import UTC, datetime
from typing import Any, cast

from ensearch import confirmations
from ensearch.store import Store


def record(store: Store, fingerprint: str, what: str) -> int:
    """Record that `what`, a command, looks at test; how often other commands did before.

    `fingerprint` is of the test labels. Confirmations of studies on the same images count too.
    """
    kept = _list(store, fingerprint)
    if what not in {one["what"] for one in kept}:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        store.set_note("", _note(fingerprint), [*kept, {"what": what, "opened": now}])
    others = len([one for one in kept if one["what"] != what])
    return others + _confirmations(store, fingerprint)


def sentence(fingerprint: str, before: int) -> str:
    if not before:
        return f"test      opens the test split {fingerprint[:8]}, for the first time"
    times = "once" if before == 1 else f"{before} times"
    return (
        f"test      the test split {fingerprint[:8]} has been opened {times} before by others: "
        "its numbers are optimistic"
    )


def _confirmations(store: Store, fingerprint: str) -> int:
    known = store.pool.datasets()
    total = 0
    for study in store.studies():
        _, labels = known.get(str(study.config.get("fingerprint")), ("", {}))
        if labels.get("test") == fingerprint:
            total += len(confirmations.openings(store, study.name))
    return total


def _list(store: Store, fingerprint: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], store.note("", _note(fingerprint)) or [])


def _note(fingerprint: str) -> str:
    return f"openings {fingerprint}"
