"""An answer in sentences, each behind its label: what to take, what else, how sure that is."""

from ensearch.core import Evaluation
from ensearch.fronts import FrontRow
from ensearch.report.study import beside, text, words
from ensearch.report.study.findings import Findings
from ensearch.units import counted

# Differences that print as 0.00 are none.
_SHOWN = 5e-5


def of(
    findings: Findings, row: FrontRow, statement: str, remark: str
) -> tuple[tuple[str, str], ...]:
    """The answer for people, each sentence behind its label."""
    if findings.under_way:
        return (
            ("answer", f"{remark}{statement}"),
            ("how sure", f"There is no verdict before {_what(findings)} is over."),
        )
    lines = [("answer", f"{remark}{statement}")]
    if row.take is not None:
        taken = described(row.take, row.take_accuracy, findings)
        lines.append(("take", taken + why(row, findings)))
    if row.runner_up is not None:
        other = described(row.runner_up, row.runner_up_accuracy, findings)
        lines.append(("or", other + loss(row)))
    lines.append(("how sure", " ".join(_how_sure(findings, row))))
    if times := beside.sentences(findings, row):
        lines.append((beside.label(findings), " ".join(times)))
    settle = words.to_settle(row, findings)
    return (*lines, ("to settle", f"{', or '.join(settle)}.")) if settle else tuple(lines)


def _what(findings: Findings) -> str:
    settling = findings.settling
    return "settling it" if settling is not None and settling.under_way else "the search"


def described(e: Evaluation, estimate: float | None, findings: Findings) -> str:
    """Return a configuration with costs and accuracy: `4 × 10-0.5 (4 members): 2M FLOPs, ...`."""
    c = findings.conditions
    kind = "single network" if e.is_single else counted(e.size, "member")
    costs = f"{text.price(e, c)} {c.axis.unit}{beside.times(e, findings)}"
    return f"{text.label(e, c)} ({kind}): {costs}, {_accuracy(e, estimate)} on {c.split}"


def _accuracy(e: Evaluation, estimate: float | None) -> str:
    """`about 96.1 % (measured 96.52 %)`, or the measured one where the estimate is the same."""
    if estimate is None or abs(estimate - e.scores.accuracy) < _SHOWN:
        return words.percent(e)
    return f"about {100 * estimate:.2f} % (measured {words.percent(e)})"


def why(row: FrontRow, findings: Findings) -> str:
    """Return why a simpler configuration than the best is taken; empty if the best is."""
    return f"; it is {simpler(findings)}" if is_simpler(row) else ""


def is_simpler(row: FrontRow) -> bool:
    """Whether a simpler configuration than the best is taken."""
    if row.take is None or row.take_accuracy is None:
        return False
    best = max(a for a in (row.single_accuracy, row.ensemble_accuracy) if a is not None)
    return best - row.take_accuracy >= _SHOWN


def simpler(findings: Findings) -> str:
    """What a simpler configuration that is taken is."""
    margin = words.points(findings.fronts.margin)
    return f"simpler than the best, and within {margin} of it with 95 % probability"


def loss(row: FrontRow) -> str:
    """Return what one would lose with the runner-up; empty where it cannot be told."""
    if row.take_accuracy is None or row.runner_up_accuracy is None:
        return ""
    lost = row.take_accuracy - row.runner_up_accuracy
    if abs(lost) < _SHOWN:
        return "; as good"
    return f"; taking it would {'lose' if lost > 0 else 'gain'} {100 * abs(lost):.2f} points"


def _how_sure(findings: Findings, row: FrontRow) -> list[str]:
    sentences = []
    if row.advantage is not None:
        advantage = f"Ensemble minus single: {text.advantage(row)} points"
        if row.low is not None:
            advantage += "; the 95 % interval holds at all budgets at once"
        sentences.append(f"{advantage}.")
        if one_side := _one_side(row, findings.fronts.margin):
            sentences.append(one_side)
        if text.is_estimated(row):
            sentences.append("The luck of selecting the best of many is taken off.")
    if row.expected_loss is not None:
        sentences.append(
            f"The choice is expected to lose {100 * row.expected_loss:.2f} points against the best."
        )
    if row.single and row.ensemble and text.seeds_unknown(findings):
        sentences.append(text.seeds_unknown(findings))
    if words.looked(findings):
        sentences.append(words.looked(findings))
    return [*sentences, *_schedule(findings)]


def _one_side(row: FrontRow, margin: float) -> str:
    """The bounds that show a verdict about the margin, where the interval does not.

    The interval may be wrong on either side and so is wider than a bound on one side alone.
    """
    if row.low is None or row.high is None or row.least is None or row.most is None:
        return ""
    below, above = f"above {100 * row.least:+.2f}", f"below {100 * row.most:+.2f} points"
    needs = {
        "ensemble at worst equal": (row.low <= -margin, f"from below, it is {below} points"),
        "single at worst equal": (row.high >= margin, f"from above, it is {above}"),
        "equal": (
            row.low <= -margin or row.high >= margin,
            f"on one side at a time, it is {below} and {above}",
        ),
    }
    wider, bounded = needs.get(row.verdict, (False, ""))
    return f"Bounded only {bounded} with the same confidence." if wider else ""


def _schedule(findings: Findings) -> list[str]:
    """Whether the answer is known to hold after longer training."""
    if findings.conditions.stage == "retrained":
        return []
    if findings.conclusion is not None:
        own = next((f for f in findings.beside if f.conditions.is_own), findings).conditions.axis
        other = "" if findings.conditions.is_own else f"Over {own.called}: "
        return [f"{other}{findings.conclusion.sentence}"]
    return ["Only a short schedule was tried: longer training has not confirmed it."]
