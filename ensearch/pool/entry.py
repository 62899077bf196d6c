"""Everything that can be combined: trained members and models that were trained elsewhere.

An entry has a name, a cost and predictions. Entries whose rows are not the same images in the
same order are refused, never averaged.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Schedule
from ensearch.ensembles import averaging
from ensearch.errors import StorageError, UsageError
from ensearch.store import MemberRecord, Store
from ensearch.store.labels import SplitLabels
from ensearch.store.models import Inputs, ModelRecord

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")
ALL = "all"
SHOWN = 20
TRAINED_BY = "trained by "
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
    inputs: Inputs | None = None  # of models that `pool add` predicted with
    schedule: Schedule | None = None  # of members

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
        origin=f"{TRAINED_BY}{record.trained_by}",
        dataset=member.dataset,
        is_member=True,
        created=record.created,
        schedule=member.schedule,
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
        inputs=record.inputs,
    )


def named(found: Sequence[Entry], name: str) -> Entry:
    """Raises UsageError with the nearest names if there is none of that name."""
    for entry in found:
        if entry.name == name:
            return entry
    raise UsageError(_unknown(found, name))


def shown_as(entry: Entry) -> str:
    """What lists call an entry: members by their network."""
    return entry.name.rpartition("/")[0] if entry.is_member else entry.name


def spellings(entry: Entry) -> tuple[str, ...]:
    """All that tables may call an entry, but for its name: the shortest first.

    Of a member its depth and width, its architecture, and either with its schedule.
    """
    if not entry.is_member:
        return (entry.label,)
    full = entry.network.partition(" ")[0]
    architecture, _, schedule = full.rpartition("/")
    return entry.label, architecture, f"{entry.label}/{schedule}", full


def called(found: Sequence[Entry], name: str) -> list[Entry]:
    """The entry of that name, or all that lists or tables (10-0.5) call so.

    Raises UsageError with the nearest names if there is none.
    """
    for of in (lambda e: (e.name,), lambda e: (shown_as(e), e.network), spellings):
        chosen = [entry for entry in found if name in of(entry)]
        if chosen:
            return chosen
    raise UsageError(_unknown(found, name))


def _unknown(found: Sequence[Entry], name: str) -> str:
    """Models before members, whose names nobody types, and the nearest first."""

    def nearness(entry: Entry) -> tuple[bool, float, str]:
        ratio = difflib.SequenceMatcher(None, name.lower(), entry.name.lower()).ratio()
        return entry.is_member, -ratio, entry.name

    near = sorted(found, key=nearness)
    best = min(near, key=lambda entry: nearness(entry)[1:], default=None)
    guess = f" Did you mean {best.name!r}?" if best and -nearness(best)[1] >= 0.5 else ""
    # A pool may hold hundreds: an error need not list them all.
    listing = ", ".join(entry.name for entry in near[:SHOWN]) or "none"
    more = f" and {len(near) - SHOWN} more" if len(near) > SHOWN else ""
    return f"unknown entry of the pool {name!r}.{guess} Known: {listing}{more}."


def agreed(store: Store, found: Sequence[Entry], split: str) -> SplitLabels:
    """The labels that all entries have on a split.

    Raises StorageError with the groups that agree where two differ, or naming an entry that has no
    predictions of the split.
    """
    for entry in found:
        if split not in entry.labels:
            raise StorageError(f"{lacking(entry, split)}, or leave it out of --pool.")
    if len({entry.labels[split] for entry in found}) > 1:
        raise StorageError(_apart(store, found, split))
    return store.pool.labels(found[0].labels[split])


def lacking(entry: Entry, split: str) -> str:
    """Why, and what to do."""
    if entry.is_member and not entry.labels:
        return (
            f"the labels of the images of {entry.name} are not kept in this storage: open a study "
            "of these images once more (`ensearch resume STUDY`)"
        )
    return (
        f"{entry.name} has no predictions of {split}, only of {', '.join(entry.labels)}: bring it "
        "again with them" + (" (of studies, --pool confirmed:NAME has them)" * entry.is_member)
    )


def _apart(store: Store, found: Sequence[Entry], split: str) -> str:
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        groups.setdefault(entry.labels[split], []).append(entry)
    labels = {fingerprint: store.pool.labels(fingerprint) for fingerprint in groups}
    one, other = list(groups)[:2]
    lines = []
    for fingerprint, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        names = store.pool.names_of(split, fingerprint)
        lines.append(
            f"  --pool dataset:{fingerprint}  {_counted(group)}, {labels[fingerprint].summary}"
            + (f" of {' and of '.join(names)}" if names else "")
        )
    return (
        f"{groups[one][0].name} and {groups[other][0].name} cannot be combined, because their "
        f"{split} splits differ: {_difference(labels[one], labels[other])}. Pictures decoded at "
        "another size (folder:PATH@32 and @64) count as other images. Search one group at a "
        "time:\n" + "\n".join(lines)
    )


def _counted(group: Sequence[Entry]) -> str:
    first = group[0].name
    return first if len(group) == 1 else f"{len(group)} entries such as {first}"


def _difference(left: SplitLabels, right: SplitLabels) -> str:
    if (left.count, len(left.values)) != (right.count, len(right.values)):
        return "not the same images"
    if left.may_be(right):
        return "equal labels, but only of one it is known which images they are: import it again"
    if left.classes and right.classes and left.classes != right.classes:
        return "another order or other names of the classes"
    if np.array_equal(left.values, right.values):
        return "equal labels of other images"
    return "another order, or another selection of the images"


def remedy(entry: Entry) -> str:
    """How to get an entry's predictions again."""
    if not entry.is_member:
        return f"Take it out with `ensearch pool remove {entry.name}`, and import or add it again"
    study, _, stage = entry.origin.removeprefix(TRAINED_BY).partition(" ")
    return (
        f"To train it again, delete what is left of the file and `ensearch "
        f"{'confirm' if stage else 'resume'} {study} --retrain-missing`"
    )


def logits(store: Store, entry: Entry, split: str) -> npt.NDArray[np.float16]:
    """N x C of an entry. Raises StorageError, with what to do, if they are missing or damaged."""
    return store.pool.predictions(entry.key, split, remedy(entry)).logits


def probs(
    store: Store, found: Sequence[Entry], split: str, labels: SplitLabels
) -> Iterator[Floats]:
    """N x C probabilities on a split, of one entry after the other.

    Raises StorageError if a file is missing or damaged, or does not fit the labels.
    """
    shape = len(labels.values), labels.count
    for entry in found:
        rows = logits(store, entry, split)
        if rows.shape != shape:
            raise StorageError(
                f"the predictions of {entry.name} on {split} are {rows.shape[0]} x "
                f"{rows.shape[1]}, the labels {shape[0]} of {shape[1]} classes: `ensearch pool "
                "verify` looks at all of them."
            )
        yield averaging.probs_of(rows)
