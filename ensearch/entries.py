"""Everything that can be combined: trained members and models that were trained elsewhere.

An entry has a name, a cost and predictions. A query picks entries by name, study or data; those
whose rows are not the same images in the same order are refused, never averaged.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np

from ensearch import ensembles
from ensearch.core import Floats
from ensearch.errors import StorageError, UsageError, unknown
from ensearch.store import MemberRecord, Store
from ensearch.store.labels import SplitLabels
from ensearch.store.pool import ModelRecord

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")
ALL = "all"
MAY_HAVE_SEEN = "val is cut from training images, which it may have seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One network with predictions.

    `labels` holds for each split that was predicted the fingerprint of its labels; it is empty
    for members of datasets whose labels were never kept. Entries of one `network` differ in their
    training seed only.
    """

    name: str
    key: str
    network: str
    label: str  # of the network, short: 16-0.5
    macs: int
    params: int | None
    labels: Mapping[str, str]
    origin: str
    dataset: str  # fingerprint of the images that a member was trained on; "" of other models
    is_member: bool  # trained by ensearch
    created: datetime

    @property
    def may_have_seen_val(self) -> bool:
        """Whether val is no judge of it, unless it was trained without the val of studies."""
        return not self.is_member and self.origin.endswith(f"; {MAY_HAVE_SEEN}")


def check_name(name: str) -> str:
    """The name, if a model may be called so. Raises UsageError."""
    if not _NAME.fullmatch(name) or name == ALL:
        raise UsageError(
            f"a model's name is up to 100 letters, digits and ._+@-, beginning with a letter or "
            f"digit, and not {ALL!r}; got {name!r}."
        )
    return name


def entries(store: Store) -> list[Entry]:
    """All of the pool: members that have predictions by network, then models, oldest first."""
    known = store.pool.datasets()
    members = [
        _of_member(record, known)
        for record in store.all_members()
        if record.state == "trained" and record.splits
    ]
    members.sort(key=lambda entry: (entry.macs, entry.network, entry.created))
    return [*members, *map(_of_model, store.pool.models())]


def _of_member(record: MemberRecord, known: Mapping[str, tuple[str, dict[str, str]]]) -> Entry:
    member = record.member
    _, labels = known.get(member.dataset, ("", {}))
    network = f"{member.architecture.key}/{member.schedule.key}"
    return Entry(
        name=f"{network}/{member.key[:8]}",
        key=member.key,
        # Trained on other images, the same architecture is another network.
        network=f"{network} {member.dataset}",
        label=member.architecture.label,
        macs=record.cost.macs,
        params=record.cost.params,
        labels={split: labels[split] for split in record.splits if split in labels},
        origin=f"trained by {record.trained_by}",
        dataset=member.dataset,
        is_member=True,
        created=record.created,
    )


def _of_model(record: ModelRecord) -> Entry:
    return Entry(
        name=record.name,
        key=record.key,
        network=record.network,
        label=record.network,
        macs=record.macs,
        params=record.params,
        labels=record.labels,
        origin=record.origin,
        dataset="",
        is_member=False,
        created=record.created,
    )


def named(found: Sequence[Entry], name: str) -> Entry:
    """Raises UsageError with the nearest name if there is none of that name."""
    for entry in found:
        if entry.name == name:
            return entry
    raise unknown("entry of the pool", name, _first(entry.name for entry in found))


def _first(names: Iterable[str], most: int = 20) -> list[str]:
    """A pool may hold hundreds: an error need not list them all."""
    return list(names)[:most]


def select(store: Store, query: str) -> list[Entry]:
    """Entries that match any of the comma-separated parts of a query.

    A part is `all`, a name, a pattern over names such as `eff*`, `study:NAME` (the members that
    its search evaluated), `confirmed:NAME` (those of its confirmations) or `dataset:FINGERPRINT`
    (its beginning will do). Raises UsageError where a part matches nothing.
    """
    found = entries(store)
    if not found:
        raise StorageError(
            f"the pool of {store.place} is empty: train members with `ensearch run`, or bring "
            "models by `ensearch pool import` or `ensearch pool add`."
        )
    keys: set[str] = set()
    for part in query.split(","):
        matched = _matching(store, found, part.strip())
        if not matched:
            names = (entry.name for entry in found)
            raise UsageError(
                f"--pool: nothing in the pool matches {part.strip()!r}. It takes all, names, "
                "patterns such as 'eff*', study:NAME, confirmed:NAME and dataset:FINGERPRINT, "
                f"separated by commas. There are {len(found)} entries, such as "
                f"{', '.join(_first(names, 5))}."
            )
        keys |= {entry.key for entry in matched}
    return [entry for entry in found if entry.key in keys]


def _matching(store: Store, found: Sequence[Entry], part: str) -> list[Entry]:
    kind, _, argument = part.partition(":")
    if kind == "study":
        store.study(argument)  # refuses an unknown name with the nearest
        used = {key for keys in store.evaluation_members(argument).values() for key in keys}
        return [entry for entry in found if entry.key in used]
    if kind == "confirmed":
        store.study(argument)
        numbers = range(1, 1 + len(cast(list[Any], store.note(argument, "confirmations") or [])))
        stages = [store.evaluation_members(argument, f"confirm-{number}") for number in numbers]
        used = {key for stage in stages for keys in stage.values() for key in keys}
        return [entry for entry in found if entry.key in used]
    if kind == "dataset":
        return [e for e in found if argument and _is_of(e, argument)]
    if part == ALL:
        return list(found)
    return [entry for entry in found if fnmatch.fnmatchcase(entry.name, part)]


def _is_of(entry: Entry, fingerprint: str) -> bool:
    return any(
        one.startswith(fingerprint) for one in (entry.dataset, *entry.labels.values()) if one
    )


def agreed(store: Store, found: Sequence[Entry], split: str) -> SplitLabels:
    """The labels that all entries have on a split.

    Raises StorageError naming both sides where two differ or one has no predictions of the split.
    """
    first = found[0]
    for entry in found:
        if split not in entry.labels:
            raise StorageError(_without(entry, split))
        if entry.labels[split] != first.labels[split]:
            raise StorageError(_apart(store, first, entry, split))
    return store.pool.labels(first.labels[split])


def _without(entry: Entry, split: str) -> str:
    if entry.is_member and not entry.labels:
        return (
            f"the labels of the images of {entry.name} are not kept in this storage: open a study "
            f"of these images once more (`ensearch resume STUDY`), or leave it out of --pool."
        )
    return (
        f"{entry.name} has no predictions of {split}, only of {', '.join(entry.labels)}: leave it "
        "out of --pool, or bring it again with them"
        + (" (of studies, --pool confirmed:NAME has them)." if entry.is_member else ".")
    )


def _apart(store: Store, one: Entry, other: Entry, split: str) -> str:
    left, right = (store.pool.labels(entry.labels[split]) for entry in (one, other))
    if (left.count, len(left.values)) != (right.count, len(right.values)):
        why = "not the same images"
    elif left.may_be(right):
        why = "equal labels, but only of one it is known which images they are: import it again"
    elif left.classes and right.classes and left.classes != right.classes:
        why = "another order or other names of the classes"
    elif np.array_equal(left.values, right.values):
        why = "equal labels of other images"
    else:
        why = "another order, or another selection of the images"
    return (
        f"{one.name} and {other.name} cannot be combined, because their {split} splits differ: "
        f"{left.summary} and {right.summary}, {why}. Search them one at a time: --pool "
        f"dataset:{left.fingerprint} or --pool dataset:{right.fingerprint}."
    )


def probs(
    store: Store, found: Sequence[Entry], split: str, labels: SplitLabels
) -> Iterator[Floats]:
    """N x C probabilities on a split, of one entry after the other.

    Raises StorageError if a file is missing or damaged, or does not fit the labels.
    """
    shape = len(labels.values), labels.count
    for entry in found:
        logits = store.pool.predictions(entry.key, split).logits
        if logits.shape != shape:
            raise StorageError(
                f"the predictions of {entry.name} on {split} are {logits.shape[0]} x "
                f"{logits.shape[1]}, the labels {shape[0]} of {shape[1]} classes: `ensearch pool "
                "verify` looks at all of them."
            )
        yield ensembles.probs_of(logits)
