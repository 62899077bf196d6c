"""The events of a run in one plain line each."""

from ensearch.core import Evaluation, ensemble_label
from ensearch.errors import printable
from ensearch.study.events import (
    EndReason,
    Evaluated,
    Event,
    LookDone,
    LookPlanned,
    MemberDone,
    MemberFailed,
    MemberProgress,
    MemberReady,
    Note,
    Planned,
    Preparing,
    SearchEnded,
    SettlementEnded,
    SettlementReason,
    StrategyMeasured,
    TrialDone,
    TrialFailed,
)
from ensearch.units import Axis, counted, format_count, format_duration

REASONS: dict[EndReason, str] = {
    "trials": "all trials that were asked for are done",
    "exhausted": "every configuration of the search space within the budget has been evaluated",
    "time": "the time limit is reached",
    "train budget": "the training budget is spent",
    "interrupted": "interrupted",
}
SETTLED: dict[SettlementReason, str] = {
    "decided": "every budget at which the two kinds are matched is decided",
    "good enough": "what is taken at the largest budget loses at most 0.25 points on average, and "
    "nothing that may be spent decides more",
    "cost": "the cost that was allowed is spent",
    "looks": "all looks that were planned are over",
    "nothing helps": "nothing that may be trained decides more",
    "time": "the time limit is reached",
    "interrupted": "interrupted",
}


def line(event: Event, flops_per_mac: int, axis: Axis) -> str | None:
    """Return the event in one line; None for an event that is only worth a bar."""
    match event:
        case TrialDone():
            e = event.evaluation
            return (
                f"trial {event.told}/{event.trials}: {event.label} at "
                f"{axis.tell(e.price)}, val {e.scores.accuracy:.2%}; "
                f"{_best(event, axis)}{left(event)}"
            )
        case TrialFailed():
            return f"trial {event.told}/{event.trials}: {event.label} failed: {event.reason}"
        case MemberDone():
            return f"member {event.label} trained in {format_duration(event.seconds)}"
        case MemberFailed():
            detail = printable(event.detail, keep="")
            return f"member {event.label} failed: {event.reason}: {detail}"
        case MemberReady():
            return _ready(event)
        case StrategyMeasured():
            return _strategy(event)
        case Note():
            return f"note      {event.text}"
        case SearchEnded():
            return _ended(event)
        case Preparing():
            return event.text
        case LookPlanned():
            return _planned(event)
        case LookDone():
            return (
                f"look {event.number} of at most {event.looks}: {event.undecided} of "
                f"{counted(event.budgets, 'compared budget')} undecided; "
                f"{event.share_spent:.0%} of the cost is spent"
            )
        case SettlementEnded():
            return (
                f"{SETTLED[event.reason]}: {counted(event.looks, 'look')}, "
                f"{format_count(event.train_macs * flops_per_mac)} of "
                f"{format_count(event.allowed * flops_per_mac)} FLOPs of training"
            )
        case Planned() | MemberProgress() | Evaluated():
            return None


def _planned(event: LookPlanned) -> str:
    networks = [f"{counted(n, 'member')} of {label}" for label, n in event.members.items()]
    more = f" and {counted(len(networks) - 3, 'other network')}" if len(networks) > 3 else ""
    left = f", about {format_duration(event.seconds)}" if event.seconds >= 1 else ""
    return (
        f"look {event.number} of at most {event.looks} needs {', '.join(networks[:3])}{more}: "
        f"{counted(event.missing, 'member')} to train{left}"
    )


def _ended(event: SearchEnded) -> str:
    waiting = f", {event.waiting} under way are kept for the next run" if event.waiting else ""
    return (
        f"{REASONS[event.reason]}: {counted(event.done, 'trial')} done, {event.failed} failed"
        f"{waiting}"
    )


def _strategy(event: StrategyMeasured) -> str:
    what = f"{event.members} members" if event.members > 1 else "a member"
    rate, alone = event.rates.get(event.strategy), event.rates.get("one after another")
    gain = f", {rate / alone:.1f} times the images/s of one after another" if rate and alone else ""
    dropped = "".join(f"; not {name}: {why}" for name, why in event.dropped.items())
    return f"{what} of {event.network} train {event.strategy}{gain}{dropped}"


def _ready(event: MemberReady) -> str:
    member = event.member
    if isinstance(member, MemberFailed):
        what = f"failed: {member.reason}: {printable(member.detail, keep='')}"
    else:
        what = f"{'trained' if event.trained else 'predicted'} in "
        what += format_duration(member.seconds)
    return f"member {event.done}/{event.members}: {member.label} {what}{left(event)}"


def left(event: TrialDone | MemberReady) -> str:
    left = event.seconds_left
    return f"; about {format_duration(left)} left" if left >= 1 else ""


def _best(event: TrialDone, axis: Axis) -> str:
    def show(kind: str, e: Evaluation | None) -> str:
        if e is None:
            return f"no {kind} yet"
        label = ensemble_label(e.size, e.architecture.label)
        return f"best {kind} {label} {e.scores.accuracy:.2%} at {axis.show(e.price)}"

    single, ensemble = event.best_single, event.best_ensemble
    return f"so far: {show('single', single)}, {show('ensemble', ensemble)}"
