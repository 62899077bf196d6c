"""What a storage keeps of a study beside what it found: its trials, failures and uses of test."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ensearch.confirmation import plan as plans
from ensearch.confirmation.plan import Confirmation
from ensearch.core import Evaluation, ensemble_label
from ensearch.errors import StorageError
from ensearch.store import LookRecord, Store, TrialRecord, UseOfTest


class Failure(NamedTuple):
    """A trial or a member that failed: which, a word for why, and the message if there is one."""

    what: str
    reason: str
    detail: str


class OnTest(NamedTuple):
    """A confirmation that was scored: its evaluations on test, and those on val that selected."""

    plan: Confirmation
    val: tuple[Evaluation, ...]
    test: tuple[Evaluation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How a study went. `spent` is the estimated training in multiply-adds up to each trial's end.

    It counts each member once, at the first trial that has it, whoever trained it.
    """

    created: datetime | None = None
    trials: tuple[TrialRecord, ...] = ()
    spent: tuple[float, ...] = ()
    failures: tuple[Failure, ...] = ()
    uses_of_test: tuple[UseOfTest, ...] = ()  # oldest first, those by others than the study too
    looks: tuple[LookRecord, ...] = ()
    on_test: OnTest | None = None  # the last confirmation, if one was scored

    def asked(self, evaluations: Iterable[Evaluation]) -> dict[str, int]:
        """Return the first trial that asked for each size of a network, by the evaluation's key.

        Where none did, it is that which asked for the next larger size.
        """
        by_network: dict[str, list[tuple[int, int]]] = {}
        for t in self.trials:
            by_network.setdefault(t.network, []).append((t.size, t.number))
        found = {}
        for e in evaluations:
            sizes = by_network.get(e.network, ())
            fitting = [(size, number) for size, number in sizes if size >= e.size]
            if fitting:
                found[e.key] = min(fitting)[1]
        return found


def read(store: Store, study: str) -> Record:
    """Return the record of a study. Raises StorageError if there is no such study."""
    trials = store.trials(study)
    members = store.members({key for trial in trials for key in trial.members})
    spent, counted, total = [], set[str](), 0.0
    for trial in trials:
        new = set(trial.members) - counted
        counted |= new
        total += sum(members[key].train_macs for key in new if key in members)
        spent.append(total)
    failures = [
        Failure(
            f"trial {t.number}: {ensemble_label(t.size, t.network.partition(' ')[0])}",
            t.reason or "",
            "",
        )
        for t in trials
        if t.state == "failed"
    ]
    failures += [
        Failure(f"member {m.member.architecture.label}", m.reason or "", m.detail or "")
        for m in store.failed_members(study)
    ]
    uses = (*store.confirmations_on_test(study), *store.other_uses_of_test(study))
    return Record(
        created=store.study(study).created,
        trials=tuple(trials),
        spent=tuple(spent),
        failures=tuple(failures),
        uses_of_test=tuple(sorted(uses, key=lambda use: use.used)),
        looks=tuple(store.looks(study)),
        on_test=_on_test(store, study),
    )


def _on_test(store: Store, study: str) -> OnTest | None:
    try:
        known = plans.plans(store, study)
    except StorageError:  # another version wrote them; the notes of the findings say so
        return None
    for plan in sorted(known, key=lambda plan: -plan.number):
        val, test = (tuple(store.evaluations(study, plan.stage, s)) for s in ("val", "test"))
        if val and test:
            return OnTest(plan, val, test)
    return None
