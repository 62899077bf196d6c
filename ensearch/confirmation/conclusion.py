"""What a confirmation concludes about its search, kept so that the search's report says it."""

from dataclasses import dataclass
from typing import cast

from ensearch.confirmation import distillation
from ensearch.confirmation import plan as plans
from ensearch.confirmation.distillation import Distilled
from ensearch.confirmation.plan import Confirmation
from ensearch.fronts import Finding
from ensearch.store import ConclusionRecord, Store

_WORDS: dict[Finding, str] = {
    "holds": "moves the crossover by no more than one doubling",
    "short schedule only": "moves the crossover by more than one doubling or turns a clear "
    "advantage round, so that it is true of the short schedule only",
    "unclear": "leaves open whether the crossover moves",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a plan that retrained says of the search's crossover."""

    plan: Confirmation
    verdict: Finding
    distilled: Distilled | None = None

    @property
    def sentence(self) -> str:
        """Return it for the report of the search, with what it distilled if it did."""
        sentence = f"A confirmation with {self.plan.epochs} {_WORDS[self.verdict]}."
        return sentence if self.distilled is None else f"{sentence} {self.distilled.sentence}"


def save(store: Store, study: str, plan: Confirmation, verdict: Finding) -> None:
    """Keep what a plan concludes, in place of what an earlier one did."""
    store.set_confirmed(study, ConclusionRecord(plan=plan.number, verdict=verdict))


def read(store: Store, study: str) -> Conclusion | None:
    """Return what a study's last confirmation concluded; None if none did.

    StorageError if another version wrote its plan, or what it distilled cannot be read.
    """
    record = store.confirmed(study)
    if record is None:
        return None
    plan = next(plan for plan in plans.plans(store, study) if plan.number == record.plan)
    return Conclusion(
        plan=plan,
        verdict=cast(Finding, record.verdict),
        distilled=distillation.read(store, study, plan),
    )
