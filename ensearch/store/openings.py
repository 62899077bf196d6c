"""How often the labels of a test split have been looked at: every time after the first flatters.

The list of looks is kept for good under the labels of the whole test split, also of those at one of
its halves, because who has seen the half has seen a part of the whole, and the other way round.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from ensearch.core import Labels
from ensearch.store.store import Store

# What was recorded of halves before it was known of which half: it looked at the one that chooses.
_CHOOSING = "pool --choose-on held-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`what` is the command that looked; `opened` when, ISO 8601; `study` whose confirmation.

    `of` is the fingerprint of the labels that it saw.
    """

    what: str
    opened: str
    of: str
    study: str = ""

    @property
    def verb(self) -> str:
        return self.what.partition(" --")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """When predictions of test were first asked for by a plan of confirmation."""

    plan: int
    opened: str  # ISO 8601


def openings(store: Store, study: str) -> list[Opening]:
    """Those of a study's confirmations, oldest first.

    Nothing is ever taken away: numbers after the first opening are optimistic, because the first
    ones may have led to the second plan.
    """
    kept = cast(list[dict[str, Any]], store.note(study, "openings") or [])
    return [Opening(**table) for table in kept]


def open_test(store: Store, study: str, plan: int, labels: Labels) -> None:
    """Record that a plan looks at test, unless it did before; keep the labels for reports."""
    before = openings(store, study)
    if plan in {opening.plan for opening in before}:
        return
    now = Opening(plan=plan, opened=_now())
    store.set_note(study, "test_labels", labels.tolist())
    store.set_note(study, "openings", [asdict(opening) for opening in (*before, now)])


def link(store: Store, whole: str, one: str, other: str) -> None:
    """Say that the labels `one` and `other` are of the halves of the test labels `whole`."""
    for half, rest in ((one, other), (other, one)):
        value = {"whole": whole, "other": rest}
        if store.note("", _half(half)) != value:
            store.set_note("", _half(half), value)


def record(store: Store, fingerprint: str, what: str) -> tuple[Look, ...]:
    """Record that `what`, a command, looks at test labels; the looks before, oldest first.

    Confirmations of studies on the same images count, and so does the same command before: what
    was seen then may have led to this look.
    """
    before = looks(store, fingerprint)
    whole, _ = _whole(store, fingerprint)
    look = {"what": what, "opened": _now(), "of": fingerprint}
    store.set_note("", _note(whole), [*_list(store, whole), look])
    return before


def looks(store: Store, fingerprint: str) -> tuple[Look, ...]:
    """All at test labels, at the whole of which they are a half, and at halves of them."""
    whole, other = _whole(store, fingerprint)
    kept = _list(store, whole)
    if whole != fingerprint:
        # The other half shares no image with this one; halves by other seeds do.
        kept = [one for one in kept if one.get("of") != other and one["what"] != _CHOOSING]
        # From before halves knew their whole.
        kept += [{"of": fingerprint} | one for one in _list(store, fingerprint)]
    found = [Look(what=one["what"], opened=one["opened"], of=one.get("of", whole)) for one in kept]
    return tuple(sorted([*found, *_confirmations(store, whole)], key=lambda look: look.opened))


def elsewhere(store: Store, study: str) -> tuple[Look, ...]:
    """Those of others than a study's confirmations at its test labels, oldest first."""
    fingerprint = _labels(store, study)
    if fingerprint is None:
        return ()
    return tuple(look for look in looks(store, fingerprint) if look.study != study)


def before(found: Iterable[Look], what: str = "") -> str:
    """For people: `3 times before (front twice, once this same look; pool list once)`."""
    every = list(found)
    parts = []
    for verb, count in Counter(look.verb for look in every).items():
        same = sum(look.what == what for look in every if look.verb == verb)
        again = "" if not same else f", {'' if same == count else _times(same) + ' '}this same look"
        parts.append(f"{verb} {_times(count)}{again}")
    return f"{_times(len(every))} before ({'; '.join(parts)})"


def sentence(fingerprint: str, what: str, found: Iterable[Look]) -> str:
    every = tuple(found)
    if not every:
        return f"test      opens the test split {fingerprint[:8]}, for the first time"
    partly = any(look.of != fingerprint for look in every)
    return (
        f"test      the test split {fingerprint[:8]}{', or images of it,' * partly} has been "
        f"opened {before(every, what)}: its numbers are optimistic"
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _confirmations(store: Store, fingerprint: str) -> list[Look]:
    """When confirmations of studies looked."""
    return [
        Look(
            what=f"confirm {study.name}",
            opened=opening.opened,
            of=fingerprint,
            study=study.name,
        )
        for study in store.studies()
        if _labels(store, study.name) == fingerprint
        for opening in openings(store, study.name)
    ]


def _labels(store: Store, study: str) -> str | None:
    """The fingerprint of a study's test labels, None if they were never kept."""
    images = str(store.study(study).config.get("fingerprint"))
    _, labels = store.pool.datasets().get(images, ("", {}))
    return labels.get("test")


def _whole(store: Store, fingerprint: str) -> tuple[str, str]:
    """The labels of which these are a half, and the other half; else these and nothing."""
    found = cast(dict[str, str], store.note("", _half(fingerprint)) or {})
    return found.get("whole", fingerprint), found.get("other", "")


def _list(store: Store, fingerprint: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], store.note("", _note(fingerprint)) or [])


def _half(fingerprint: str) -> str:
    return f"half {fingerprint}"


def _note(fingerprint: str) -> str:
    return f"openings {fingerprint}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
