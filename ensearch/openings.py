"""How often the labels of a test split have been looked at: every time after the first flatters."""

from datetime import UTC, datetime
from typing import Any, cast

from ensearch import confirmations
from ensearch.store import Store


def record(store: Store, fingerprint: str, what: str) -> int:
    """Record that `what`, a command, looks at test; how often others did before.

    `fingerprint` is of the test labels. Confirmations of studies on the same images count too. A
    command that looks again sees nothing new: only those before its first look count.
    """
    kept = _list(store, fingerprint)
    mine = next((one["opened"] for one in kept if one["what"] == what), None)
    if mine is None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        store.set_note("", _note(fingerprint), [*kept, {"what": what, "opened": now}])
    dates = [one["opened"] for one in kept if one["what"] != what]
    dates += _confirmations(store, fingerprint)
    return len([date for date in dates if mine is None or date < mine])


def elsewhere(store: Store, study: str) -> tuple[str, ...]:
    """When others than a study's confirmations looked at its test labels: ISO 8601, ascending.

    They are `front --test`, `pool list --test` and confirmations of other studies.
    """
    fingerprint = _labels(store, study)
    if fingerprint is None:
        return ()
    dates = [one["opened"] for one in _list(store, fingerprint)]
    return tuple(sorted([*dates, *_confirmations(store, fingerprint, study)]))


def sentence(fingerprint: str, before: int) -> str:
    if not before:
        return f"test      opens the test split {fingerprint[:8]}, for the first time"
    times = "once" if before == 1 else f"{before} times"
    return (
        f"test      the test split {fingerprint[:8]} has been opened {times} before by others: "
        "its numbers are optimistic"
    )


def _confirmations(store: Store, fingerprint: str, but: str = "") -> list[str]:
    """When confirmations of studies looked, those of the study `but` left out."""
    return [
        opening.opened
        for study in store.studies()
        if study.name != but and _labels(store, study.name) == fingerprint
        for opening in confirmations.openings(store, study.name)
    ]


def _labels(store: Store, study: str) -> str | None:
    """The fingerprint of a study's test labels, None if they were never kept."""
    images = str(store.study(study).config.get("fingerprint"))
    _, labels = store.pool.datasets().get(images, ("", {}))
    return labels.get("test")


def _list(store: Store, fingerprint: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], store.note("", _note(fingerprint)) or [])


def _note(fingerprint: str) -> str:
    return f"openings {fingerprint}"
