"""Everything that can be combined: trained members and models that were trained elsewhere."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from ensearch.core import Architecture, Schedule
from ensearch.errors import UsageError
from ensearch.store import SEARCH, MemberRecord, Store
from ensearch.store.model_records import DatasetRecord, Inputs, ModelRecord
from ensearch.units import few

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")
ALL = "all"
_JOINED = re.compile(r"\s+(?:\+|→|->)\s+")  # between the networks of a mixed ensemble or a cascade
_COUNTED = re.compile(r"(?P<count>[1-9]\d{0,5})\s*[×x]\s*(?P<name>\S.*)")  # 4 × 10-0.5
_FIELDS = {field.name for field in fields(Schedule)}
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
    trained_by: tuple[str, str] | None = None  # of members: the study that is here, and its stage
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
    learned = "" if member.distillation is None else f"-distilled-{member.distillation.key}"
    network = f"{member.architecture.key}/{member.schedule.key}{learned}"
    return Entry(
        name=f"{network}/{member.key[:8]}",
        key=member.key,
        # Trained on other images, the same architecture is another network.
        network=f"{network} {member.dataset}",
        label=f"{member.architecture.label}{' distilled' if learned else ''}",
        macs=record.cost.macs,
        params=record.cost.params,
        labels={split: labels[split] for split in record.splits if split in labels},
        origin=f"trained by {record.study}{'' if record.stage == SEARCH else f' {record.stage}'}",
        trained_by=(record.study, record.stage) if record.is_of_a_study else None,
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
    """The entry of that name, or all entries that lists or tables (10-0.5) call so, see `called`.

    Raises UsageError with the nearest names if there is none.
    """
    found = called(entries, name)
    if not found:
        raise UsageError(_unknown(entries, name))
    return found


def called(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Entries that a name or a line of a table stands for; none if a part of it stands for nothing.

    `2 × 16-0.5 + B0` and `10-0.5 → B0` name several networks: of each so many members as are said,
    the oldest of them. Raises UsageError if the pool has fewer.
    """
    parts = [_of_one(entries, part) for part in _JOINED.split(name.strip())]
    found = {entry.key: entry for part in parts for entry in part}
    return list(found.values()) if all(parts) else []


def _of_one(entries: Sequence[Entry], name: str) -> list[Entry]:
    for names_of in (lambda e: (e.name,), lambda e: (listed_name(e), e.network), _written):
        found = [entry for entry in entries if name in names_of(entry)]
        if found:
            return found
    if several := _COUNTED.fullmatch(name):
        return _first(_of_one(entries, several["name"]), int(several["count"]), several["name"])
    shape, *changes = name.split(", ")
    if changes and all(map(is_change, changes)):
        return [e for e in _of_one(entries, shape) if e.schedule and _trains(e.schedule, changes)]
    return []


def _written(entry: Entry) -> tuple[str, ...]:
    """Its spellings, and that of tables of studies with several resolutions: 10-0.5@64."""
    shape = entry.architecture
    return (*spellings(entry), *([f"{entry.label}@{shape.resolution}"] if shape else []))


def _first(entries: Sequence[Entry], count: int, name: str) -> list[Entry]:
    """The first so many entries of each network. Raises UsageError if one has fewer."""
    networks: dict[str, list[Entry]] = {}
    for entry in entries:
        networks.setdefault(entry.network, []).append(entry)
    for group in networks.values():
        if len(group) < count:
            raise UsageError(f"the pool has {len(group)} of {name}, not {count}.")
    return [entry for group in networks.values() for entry in group[:count]]


def is_change(text: str) -> bool:
    """Whether a text is what tables say of a schedule that differs: `epochs 12`."""
    field, _, value = text.partition(" ")
    return field in _FIELDS and value != "" and " " not in value


def _trains(schedule: Schedule, changes: Sequence[str]) -> bool:
    return all(f"{f} {getattr(schedule, f)}" in changes for f in (c.split()[0] for c in changes))


def _unknown(entries: Sequence[Entry], name: str) -> str:
    """A message with models before members, whose names nobody types, and the nearest first."""

    def nearness(entry: Entry) -> tuple[bool, float, str]:
        ratio = difflib.SequenceMatcher(None, name.lower(), entry.name.lower()).ratio()
        return entry.is_member, -ratio, entry.name

    near = sorted(entries, key=nearness)
    best = min(near, key=lambda entry: nearness(entry)[1:], default=None)
    guess = f" Did you mean {best.name!r}?" if best and -nearness(best)[1] >= 0.5 else ""
    # A pool may hold hundreds: an error need not list them all.
    listing = few([entry.name for entry in near], LISTED) or "none"
    return f"unknown entry of the pool {name!r}.{guess} Known: {listing}."
