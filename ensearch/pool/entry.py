"""Everything that can be combined: trained members and models that were trained elsewhere."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ensearch.core import Architecture, Schedule
from ensearch.errors import UsageError
from ensearch.store import SEARCH, MemberRecord, Store
from ensearch.store.models import DatasetRecord, Inputs, ModelRecord

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")
ALL = "all"
LISTED = 20  # entries that an error names
MAY_HAVE_SEEN = "val is cut from training images, which it may have seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One network with a name, a cost and predictions.

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
    may_have_seen_val: bool = False  # val is no judge of it, unless it was trained without it
    trained_by: tuple[str, str] | None = None  # of members: the study and its stage
    inputs: Inputs | None = None  # of models that ensearch made the predictions of
    schedule: Schedule | None = None  # of members
    splits: tuple[str, ...] = ()  # of which there are predictions
    has_weights: bool = False  # of members
    architecture: Architecture | None = None  # of members
    nanoseconds: int | None = None  # for an image, where entries are compared by time

    @property
    def price(self) -> int:
        """What it costs where entries are compared: its nanoseconds, or its multiply-adds."""
        return self.macs if self.nanoseconds is None else self.nanoseconds


def check_name(name: str) -> str:
    """The name, if a model may be called so. Raises UsageError."""
    if not _NAME.fullmatch(name) or name == ALL:
        raise UsageError(
            f"a model's name is up to 100 letters, digits and ._+@-, beginning with a letter or "
            f"digit, and not {ALL!r}; got {name!r}."
        )
    return name


def all_entries(store: Store) -> list[Entry]:
    """All entries of the pool: members that have predictions, by network, then models by age."""
    known = store.pool.datasets()
    members = [
        _member_entry(record, known)
        for record in store.all_members()
        if record.state == "trained" and record.splits
    ]
    members.sort(key=lambda entry: (entry.macs, entry.network, entry.created))
    return [*members, *map(_model_entry, store.pool.models())]


def _member_entry(record: MemberRecord, known: Mapping[str, DatasetRecord]) -> Entry:
    member = record.member
    labels = known[member.dataset].labels if member.dataset in known else {}
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
        origin=f"trained by {record.study}{'' if record.stage == SEARCH else f' {record.stage}'}",
        trained_by=(record.study, record.stage),
        dataset=member.dataset,
        is_member=True,
        created=record.created,
        schedule=member.schedule,
        splits=record.splits,
        has_weights=record.has_weights,
        architecture=member.architecture,
    )


def _model_entry(record: ModelRecord) -> Entry:
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
        may_have_seen_val=record.may_have_seen_val,
        inputs=record.inputs,
        splits=tuple(record.labels),
    )


def listed_name(entry: Entry) -> str:
    """What lists call an entry: members are called by their network."""
    return entry.name.rpartition("/")[0] if entry.is_member else entry.name


def spellings(entry: Entry) -> tuple[str, ...]:
    """All that tables may call an entry, except its name; the shortest comes first.

    A member is called by its depth and width, by its architecture, and by either with its schedule.
    """
    if not entry.is_member:
        return (entry.label,)
    full = entry.network.partition(" ")[0]
    architecture, _, schedule = full.rpartition("/")
    return entry.label, architecture, f"{entry.label}/{schedule}", full


def entries_called(entries: Sequence[Entry], name: str) -> list[Entry]:
    """The entry of that name, or all entries that lists or tables (10-0.5) call so.

    Raises UsageError with the nearest names if there is none.
    """
    for names_of in (lambda e: (e.name,), lambda e: (listed_name(e), e.network), spellings):
        matching = [entry for entry in entries if name in names_of(entry)]
        if matching:
            return matching
    raise UsageError(_unknown(entries, name))


def _unknown(entries: Sequence[Entry], name: str) -> str:
    """A message with models before members, whose names nobody types, and the nearest first."""

    def nearness(entry: Entry) -> tuple[bool, float, str]:
        ratio = difflib.SequenceMatcher(None, name.lower(), entry.name.lower()).ratio()
        return entry.is_member, -ratio, entry.name

    near = sorted(entries, key=nearness)
    best = min(near, key=lambda entry: nearness(entry)[1:], default=None)
    guess = f" Did you mean {best.name!r}?" if best and -nearness(best)[1] >= 0.5 else ""
    # A pool may hold hundreds: an error need not list them all.
    listing = ", ".join(entry.name for entry in near[:LISTED]) or "none"
    more = f" and {len(near) - LISTED} more" if len(near) > LISTED else ""
    return f"unknown entry of the pool {name!r}.{guess} Known: {listing}{more}."
