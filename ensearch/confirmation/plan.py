"""The plans of what a study confirms, which are kept with it; `deciding` makes them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ensearch.confirmation import finalists
from ensearch.confirmation.finalists import Reason
from ensearch.core import (
    Architecture,
    Schedule,
    ensemble_label,
    evaluation_key,
    full_label,
    network_key,
)
from ensearch.errors import StorageError
from ensearch.store import ConfirmationRecord, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for. Budgets in the unit of the study's, ascending; None: those of the search.

    `epochs` None: 4 times the search's. `members`: at least so many of every network, and with
    `settle` more to decide what is undecided. Without `retrain` the search's own members are
    scored, and none of these counts. With `distil` a single network also learns from an ensemble.
    """

    budgets: tuple[float, ...] | None = None
    top: int = 1
    fewest: int = finalists.FEWEST
    epochs: int | None = None
    members: int = 2
    retrain: bool = True
    settle: bool = False
    distil: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A configuration that is confirmed: searched with schedule `short`, trained anew with `full`.

    `accuracy` is the search's, on val. `members` of its network are trained, of which ensembles
    of all sizes up to that are scored; a settlement has raised it.
    """

    architecture: Architecture
    short: Schedule
    full: Schedule
    size: int
    members: int
    macs: int  # of the whole ensemble
    accuracy: float
    reasons: tuple[Reason, ...]
    changes: tuple[str, ...]  # what tells it from others of its label, as `distinctions` says it
    price: float | None = None  # in the unit of the study's budget, if that is not multiply-adds

    @property
    def is_single(self) -> bool:
        return self.size == 1

    @property
    def network(self) -> str:
        """The network that is confirmed."""
        return network_key(self.architecture, self.full)

    @property
    def key(self) -> str:
        """The key of the evaluation that confirms it."""
        return evaluation_key(self.size, self.network)

    @property
    def label(self) -> str:
        return full_label(ensemble_label(self.size, self.architecture.label), self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A plan. `number` counts a study's plans from 1; budgets are ascending.

    `finished` once everything is scored; `failures` says of a network why it is left out. `looks`
    counts the looks at test that were begun: several where it is settled.
    """

    number: int
    request: Request
    budgets: tuple[float, ...]
    finalists: tuple[Finalist, ...]
    created: str  # ISO 8601
    finished: bool = False
    failures: tuple[tuple[str, str], ...] = ()
    looks: int = 1

    @property
    def stage(self) -> str:
        """The stage under which its evaluations are stored."""
        return f"confirm-{self.number}"

    @property
    def retrain(self) -> bool:
        return self.request.retrain

    @property
    def epochs(self) -> str:
        """Return `40 epochs (4 x the search's 10)`."""
        full = sorted({f.full.epochs for f in self.finalists})
        short = sorted({f.short.epochs for f in self.finalists})
        times = {f.full.epochs / f.short.epochs for f in self.finalists}
        ratio = f"{times.pop():.3g} x " if len(times) == 1 else "against "
        epochs = " to ".join(map(str, sorted({full[0], full[-1]})))
        before = " to ".join(map(str, sorted({short[0], short[-1]})))
        return f"{epochs} epoch{'' if epochs == '1' else 's'} ({ratio}the search's {before})"

    @property
    def networks(self) -> dict[str, Finalist]:
        """One finalist of each network, by name: finalists of one network share their members."""
        return {finalist.network: finalist for finalist in self.finalists}

    @property
    def at_first(self) -> dict[str, int]:
        """Members by network at the first look at test."""
        if not self.request.settle:
            return {name: finalist.members for name, finalist in self.networks.items()}
        least = self.request.members
        return {
            name: max([least, *(f.size for f in self.finalists if f.network == name)])
            for name in self.networks
        }

    def answers(self, other: "Confirmation") -> bool:
        """Whether it has the same budgets and members, and distils if the other does."""

        def content(plan: Confirmation) -> object:
            keys = {f.key for f in plan.finalists}
            return plan.retrain, plan.request.settle, plan.budgets, keys, plan.at_first

        return content(self) == content(other) and self.request.distil >= other.request.distil


def plans(store: Store, study: str) -> list[Confirmation]:
    """The plans that were begun, by number. StorageError if another version wrote them."""
    try:
        return [_plan(record) for record in store.confirmations(study)]
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"the confirmations of study {study!r} cannot be read ({error!r}): another version of "
            "ensearch wrote them. Use that version."
        ) from error


def save(store: Store, study: str, plan: Confirmation) -> None:
    """Store a plan, in place of an older state of it."""
    store.save_confirmation(
        study,
        ConfirmationRecord(
            number=plan.number,
            request=asdict(plan.request),
            budgets=plan.budgets,
            finalists=tuple(asdict(finalist) for finalist in plan.finalists),
            created=datetime.fromisoformat(plan.created),
            finished=plan.finished,
            failures=plan.failures,
            looks=plan.looks,
        ),
    )


def _plan(record: ConfirmationRecord) -> Confirmation:
    request = dict(record.request)
    request["budgets"] = request["budgets"] and tuple(request["budgets"])
    return Confirmation(
        number=record.number,
        request=Request(**request),
        budgets=record.budgets,
        finalists=tuple(_finalist(entry) for entry in record.finalists),
        created=record.created.isoformat(timespec="milliseconds"),
        finished=record.finished,
        failures=record.failures,
        looks=record.looks,
    )


def _finalist(table: Mapping[str, Any]) -> Finalist:
    return Finalist(
        **dict(table)
        | {
            "architecture": Architecture(**table["architecture"]),
            "short": Schedule(**table["short"]),
            "full": Schedule(**table["full"]),
            "reasons": tuple(Reason(**reason) for reason in table["reasons"]),
            "changes": tuple(table["changes"]),
        }
    )
