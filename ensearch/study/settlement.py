"""Settling a study: more members to decide what is undecided, in a few planned looks.

A look is planned, its members are trained and evaluated, then it is looked at. Each step is stored
before the next one begins, and follows from what is stored: a run that was stopped goes on.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ensearch.core import Member
from ensearch.errors import StorageError, UsageError
from ensearch.fronts import MARGIN, Fronts, analyse, spending, stopping
from ensearch.fronts.claims import Claim
from ensearch.launch import Train
from ensearch.store import LookRecord, SettlementRecord, Store
from ensearch.study import driving, looks, scoring, work
from ensearch.study.driving import Counting, Waiting
from ensearch.study.events import (
    Evaluated,
    Event,
    LookDone,
    LookPlanned,
    SettlementEnded,
    SettlementReason,
)
from ensearch.study.next_look import Shape, StudyNetworks
from ensearch.study.options import RunControl
from ensearch.study.placement import Placement
from ensearch.study.scoring import Scorer
from ensearch.study.speed import Speed
from ensearch.study.study import Study
from ensearch.training import train_members


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of a settlement; None where nothing was said.

    `margin` is a fraction of accuracy, `cost` counts times the search's training.
    """

    margin: float | None = None
    cost: float | None = None


def plan(store: Store, study: str, request: Request) -> SettlementRecord:
    """Return the plan that is under way, if it is what is asked for, or a new one.

    Raises UsageError where the study's error is spent.
    """
    plans, open_one = store.settlements(study), store.open_settlement(study)
    margin, cost = request.margin, request.cost
    if open_one and margin in (None, open_one.margin) and cost in (None, open_one.cost):
        return open_one
    shares = looks.shares(store, study)
    if spending.is_spent(shares):
        raise UsageError(
            f"study {study} was looked at {len(shares)} times, and more looks could hardly claim "
            "anything: its verdicts are to be right together.",
            problem="error_spent",
            study=study,
        )
    return SettlementRecord(
        number=len(plans) + 1,
        margin=MARGIN if margin is None else margin,
        cost=1.0 if cost is None else cost,
        looks=spending.LOOKS,
        share=spending.next_share(shares, spending.LOOKS),
        created=datetime.now(UTC),
    )


def run(
    study: Study,
    store: Store,
    request: Request,
    where: Placement,
    control: RunControl = RunControl(),
    *,
    speed: Speed,
    seconds: float | None = None,
    train: Train = train_members,
) -> SettlementEnded:
    """Train members to decide what is undecided until that is over, and return how it ended.

    `speed` says how long members take here. Raises StorageError if another driver works on the
    study, if its search is under way or if files of its members are missing (unless they are to be
    trained again), UsageError where its error is spent.
    """
    name = study.config.name
    with driving.held(store, name, take_over=control.take_over) as renew:
        summary = store.study_summary(name)
        if summary.searching or not summary.evaluations:
            raise StorageError(
                f"the search of study {name} is not over, so there is nothing to settle yet.",
                problem="search_under_way",
                study=name,
            )
        if not summary.settling:
            _keep_shown(study, store, summary.trained)
        store.save_settlement(name, plan(store, name, request))
        with driving.trained(study, store, where, control, train=train) as queue:
            settling = _Settling(
                study=study,
                store=store,
                waiting=Waiting(
                    queue=queue,
                    renew=renew,
                    seconds=seconds,
                    is_interrupted=control.is_interrupted,
                ),
                speed=speed,
                workers=where.workers,
                on_event=control.on_event,
            )
            return settling.run()


def _keep_shown(study: Study, store: Store, trained: int) -> None:
    """Keep the look at the end of a search, where whoever ended it did not."""
    name = study.config.name
    sight = looks.sight(store, name, trained)
    if not sight.is_kept:
        found = _analysed(study, store, sight.share, sight.before, MARGIN)
        looks.keep(store, name, trained, found.claims)


def _analysed(
    study: Study, store: Store, share: float, before: Sequence[Claim], margin: float
) -> Fronts:
    name = study.config.name
    return analyse(
        store.evaluations(name, split="val"),
        sorted(study.ladder.budgets),
        Scorer.of(study, store, "val").subset_hits(name, "val"),
        seed=study.config.seed,
        margin=margin,
        share=share,
        before=before,
    )


@dataclass(slots=True, kw_only=True)
class _Settling:
    """One run of a settlement."""

    study: Study
    store: Store
    waiting: Waiting
    speed: Speed
    workers: int
    on_event: Callable[[Event], None]

    @property
    def name(self) -> str:
        return self.study.config.name

    def run(self) -> SettlementEnded:
        """Go on with the plan that is under way."""
        plan = self._begun()
        self._show_evaluated()
        while True:
            planned = next((look for look in self._own(plan) if look.seen is None), None)
            if planned is not None:
                stopped = self._train(plan, planned)
                if stopped != "done":
                    return self._ended(plan, stopped)
            fronts = self._look(plan, planned)
            reason, following = self._decide(plan, fronts)
            if following is None:
                assert reason is not None
                self.store.save_settlement(self.name, replace(plan, ended=reason))
                return self._ended(plan, reason)
            self.store.save_look(self.name, following)

    def _begun(self) -> SettlementRecord:
        """The plan, with what it may spend."""
        plan = self.store.open_settlement(self.name)
        assert plan is not None
        if plan.allowed is None:
            plan = replace(plan, allowed=plan.cost * looks.searched_macs(self.store, self.name))
            self.store.save_settlement(self.name, plan)
        return plan

    def _own(self, plan: SettlementRecord) -> list[LookRecord]:
        return [look for look in self.store.looks(self.name) if look.settlement == plan.number]

    def _left(self, plan: SettlementRecord) -> float:
        spent = math.fsum(look.train_macs for look in self._own(plan))
        return (plan.allowed or 0.0) - spent

    def _ended(self, plan: SettlementRecord, reason: SettlementReason) -> SettlementEnded:
        own = [look for look in self._own(plan) if look.seen is not None]
        return SettlementEnded(
            reason=reason,
            looks=len(own),
            train_macs=math.fsum(look.train_macs for look in own),
            allowed=plan.allowed or 0.0,
        )

    # Training

    def _train(self, plan: SettlementRecord, look: LookRecord) -> driving.Ended:
        """Train and evaluate the members of a planned look."""
        networks = self._networks()
        groups = {name: networks.first(name, n) for name, (n, _) in look.members.items()}
        wanted = [member for group in groups.values() for member in group]
        counting = self._counting(plan, look, wanted, networks)
        ended = self.waiting.collect(wanted, counting)
        if ended == "done":
            for name, (_, largest) in look.members.items():
                self._evaluate(networks.shape(name), name, groups[name], largest)
            self._show_evaluated()
        return ended

    def _show_evaluated(self) -> None:
        """Tell what has been evaluated by now."""
        budgets = tuple(sorted(self.study.ladder.budgets))
        known = tuple(self.store.evaluations(self.name, split="val"))
        self.on_event(Evaluated(evaluations=known, budgets=budgets))

    def _evaluate(
        self, shape: Shape, network: str, members: Sequence[Member], largest: int
    ) -> None:
        wanted = [member.key for member in members]
        outcomes = self.waiting.queue.outcomes(wanted) or []
        keys = [key for key, outcome in zip(wanted, outcomes, strict=True) if outcome == ""]
        known = self.store.evaluation_members(self.name).get(network, ())
        if len(keys) >= max(len(known), 1):
            scoring.evaluate(self.study, self.store, *shape, keys, largest)

    def _counting(
        self,
        plan: SettlementRecord,
        look: LookRecord,
        wanted: Sequence[Member],
        networks: StudyNetworks,
    ) -> Counting:
        """Say what the look takes, and count its members."""
        ahead = work.of_members(self.study, self.store, wanted, self.speed, self.workers)
        own = [each.number for each in self._own(plan)]
        self.on_event(
            LookPlanned(
                number=own.index(look.number) + 1,
                looks=plan.looks,
                members={networks.label(name): n for name, (n, _) in look.members.items()},
                missing=len(ahead.macs),
                total=ahead.members,
                seconds=ahead.seconds,
            )
        )
        return Counting(
            members=ahead.members,
            seconds=ahead.seconds,
            on_event=self.on_event,
            macs=ahead.macs,
        )

    def _networks(self) -> StudyNetworks:
        return StudyNetworks(
            study=self.study,
            evaluations=self.store.evaluations(self.name, split="val"),
            members=self.store.evaluation_members(self.name),
        )

    # Looking

    def _look(self, plan: SettlementRecord, planned: LookRecord | None) -> Fronts:
        """Look at the study as it is now, and keep that, unless this was shown before."""
        trained = self.store.study_summary(self.name).trained
        sight = looks.sight(self.store, self.name, trained)
        if planned is None and sight.is_kept:
            return _analysed(self.study, self.store, sight.share, sight.before, plan.margin)
        over = looks.seen(self.store, self.name)
        claims = looks.claims(over)
        fronts = _analysed(self.study, self.store, plan.share, claims, plan.margin)
        look = planned or LookRecord(number=len(over) + 1, share=plan.share)
        look = replace(
            look,
            settlement=plan.number,
            trained=trained,
            claims=[claim.as_dict() for claim in fronts.claims],
            seen=datetime.now(UTC),
        )
        self.store.save_look(self.name, look)
        rows = [row for row in fronts.rows if row.matched]
        self.on_event(
            LookDone(
                number=len(self._own(plan)),
                looks=plan.looks,
                budgets=len(rows),
                undecided=sum(row.verdict == "undecided" for row in rows),
                share_spent=1 - self._left(plan) / plan.allowed if plan.allowed else 1.0,
            )
        )
        return fronts

    def _decide(
        self, plan: SettlementRecord, fronts: Fronts
    ) -> tuple[stopping.Reason | None, LookRecord | None]:
        """Why it is over, or the next look."""
        over = looks.seen(self.store, self.name)
        left, used = self._left(plan), len(self._own(plan))
        networks = self._networks()
        matches = networks.matches(fronts.rows)
        cheapest = min((match.cost for match in matches.values()), default=math.inf)
        reason = stopping.reason(fronts, left, cheapest)
        if reason is None and used >= plan.looks:
            reason = "looks"
        if reason is not None:
            return reason, None
        # As the next look will see it.
        claims = looks.claims(over)
        ahead = _analysed(self.study, self.store, plan.share, claims, plan.margin)
        members, cost = networks.following(ahead, left, plan.looks - used)
        if not members:
            return "nothing helps", None
        return None, LookRecord(
            number=len(over) + 1,
            share=plan.share,
            settlement=plan.number,
            members=members,
            train_macs=cost,
        )
