"""Everything that the page of a study shows, as data: computed here, drawn elsewhere."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ensearch.fronts import FrontRow, Verdict
from ensearch.report.page import advantages, charts, commands, evaluations, views
from ensearch.report.page.advantages import Advantages
from ensearch.report.page.charts import Chart
from ensearch.report.page.evaluations import Table
from ensearch.report.page.views import View
from ensearch.report.study import answer, answer_sentences, brief, effort, files, text, words
from ensearch.report.study.findings import Findings
from ensearch.report.study.records import Failure, Record
from ensearch.units import counted, format_duration


class Fact(NamedTuple):
    """Something about the study behind its name."""

    name: str
    value: str


class Card(NamedTuple):
    """A compared budget: what to take there, how sure that is, and how to export it.

    `verdict` is None while the search is under way. `facts` are the costs and accuracies of what is
    taken and of the best of the other kind; `settle` are ways to settle an undecided budget.
    """

    budget: str
    verdict: Verdict | None
    statement: str
    take: str
    facts: tuple[Fact, ...]
    settle: tuple[str, ...]
    command: str


class Grid(NamedTuple):
    """Cells under their headings, by budget, the largest first."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


class Page(NamedTuple):
    """The page of a study. Its texts are plain: whoever writes them as HTML escapes them."""

    study: str
    headline: str
    sentences: tuple[Fact, ...]  # the answer, as the terminal tells it
    under_way: bool
    views: tuple[View, ...]  # the study's own first; none where nothing was evaluated
    advantages: Advantages
    cards: tuple[Card, ...]
    settle: str  # the command that would settle what is open; empty if none would
    is_settled: bool  # whether no budget with matched costs is undecided
    tried: Grid
    effort: Grid
    mixing: tuple[str, ...]  # whether mixed ensembles are better
    table: Table
    charts: tuple[Chart, ...]
    looks: tuple[Fact, ...]  # where there was more than one
    confirmation: str  # what it concluded
    confirmed: Table | None  # what it scored on test
    failures: tuple[Failure, ...]
    conditions: tuple[str, ...]
    uses_of_test: tuple[str, ...]
    settings: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    definition: str  # a file that begins the same study again
    content: Mapping[str, Any]  # summary.json; empty where nothing was evaluated


def compute(
    findings: Findings, record: Record, *, storage: str = "", settles: bool = False
) -> Page:
    """Return the page of a study.

    `storage` is how messages name the database; `settles` tells whether more members may still
    decide a budget.
    """
    c, there = findings.conditions, bool(findings.evaluations and findings.fronts.rows)
    on_test = record.on_test
    return Page(
        study=c.study,
        headline=words.headline(findings) if there else "Nothing has been evaluated yet",
        sentences=_sentences(findings) if there else (),
        under_way=findings.under_way,
        views=views.views(findings, on_test) if there else (),
        advantages=advantages.of(findings),
        cards=tuple(_card(row, findings, storage) for row in reversed(findings.fronts.rows))
        if there
        else (),
        settle=commands.settle(findings, storage) if settles else "",
        is_settled=_is_settled(findings),
        tried=_tried(findings),
        effort=Grid(*effort.table(findings)),
        mixing=tuple(text.further(findings)),
        table=evaluations.table(findings, record),
        charts=charts.charts(findings, record),
        looks=_looks(findings, record) if len(record.looks) > 1 else (),
        confirmation="" if findings.conclusion is None else findings.conclusion.sentence,
        confirmed=None
        if on_test is None
        else evaluations.table(views.of_test(findings, on_test), Record()),
        failures=record.failures,
        conditions=tuple(text.conditions(findings)) if there else (),
        uses_of_test=_uses(record),
        settings=_settings(findings, record),
        versions=tuple(_flat(findings.environment)),
        definition=commands.definition(findings),
        content=files.summary(findings) if there else {},
    )


def _is_settled(findings: Findings) -> bool:
    """Whether no budget at which the two kinds are matched is left undecided."""
    matched = [row.verdict for row in findings.fronts.rows if row.matched]
    return bool(matched) and "undecided" not in matched


def _sentences(findings: Findings) -> tuple[Fact, ...]:
    """The answer as the terminal tells it."""
    found = answer.of(findings)
    first = Fact("answer", brief.first(findings))
    return (first, *(Fact(*sentence) for sentence in found.sentences[1:]))


def _card(row: FrontRow, findings: Findings, storage: str) -> Card:
    c = findings.conditions
    verdict = None if findings.under_way else row.verdict
    statement = words.of_budget(row, findings.fronts.margin, c)
    return Card(
        budget=c.axis.tell(row.budget),
        verdict=verdict,
        statement=words.so_far(findings, row) if findings.under_way else statement,
        take="nothing" if row.take is None else text.label(row.take, c),
        facts=tuple(_facts(row, findings)),
        settle=() if findings.under_way else words.to_settle(row, findings),
        command="" if row.take is None else commands.export(findings, row.budget, storage),
    )


def _facts(row: FrontRow, findings: Findings) -> list[Fact]:
    """What is taken and what else there is, with costs, accuracies and their difference."""
    facts = []
    for name, e, estimate, more in (
        ("take", row.take, row.take_accuracy, answer_sentences.why(row, findings)),
        ("or", row.runner_up, row.runner_up_accuracy, answer_sentences.loss(row)),
    ):
        if e is not None:
            facts.append(Fact(name, answer_sentences.described(e, estimate, findings) + more))
    told = text.advantage(row)
    facts.append(Fact("advantage", told if row.advantage is None else f"{told} points"))
    if row.expected_loss is not None:
        facts.append(Fact("expected loss", f"{100 * row.expected_loss:.2f} points"))
    facts.append(Fact("compared", _compared(row)))
    return [fact for fact in facts if fact.value]


def _compared(row: FrontRow) -> str:
    """How many of both kinds competed; without both there was no contest."""
    if not (row.tried_singles and row.tried_ensembles):
        return "nothing: no single network and ensemble of comparable cost"
    singles = counted(row.tried_singles, "single network")
    return f"{singles} and {counted(row.tried_ensembles, 'ensemble')}"


def _tried(findings: Findings) -> Grid:
    """How many configurations of each size were measured between a budget and the one below."""
    c, rows = findings.conditions, findings.fronts.rows
    sizes = sorted({e.size for e in findings.evaluations})
    lines, below = [], 0.0
    for row in rows:
        near = [e.size for e in findings.evaluations if below < e.price <= row.budget]
        counts = (str(near.count(size) or "") for size in sizes)
        matched = "matched" if row.matched else "not matched"
        lines.append((c.axis.show(row.budget), *counts, matched))
        below = row.budget
    heads = ("Budget", *(counted(size, "member") for size in sizes), "Costs")
    return Grid(heads, tuple(reversed(lines)))


def _looks(findings: Findings, record: Record) -> tuple[Fact, ...]:
    """Each look at the verdicts: what it had cost, and what it claimed at the largest budget."""
    c, facts, spent = findings.conditions, [], 0.0
    for look in record.looks:
        spent += look.train_macs
        if look.seen is None:
            continue
        says = f"after {text.count(spent, c)} FLOPs of training beyond the search"
        if look.claims:
            top = max(look.claims, key=lambda claim: float(claim["budget"]))
            low, high = 100 * top["low"], 100 * top["high"]
            says += f": [{low:+.2f}, {high:+.2f}] points at the largest budget"
        facts.append(Fact(f"look {look.number}, {look.seen:%Y-%m-%d}", says))
    return tuple(facts)


def _uses(record: Record) -> tuple[str, ...]:
    return tuple(
        f"{use.used:%Y-%m-%d %H:%M} UTC: {use.verb} {use.details}".rstrip()
        for use in record.uses_of_test
    )


def _settings(findings: Findings, record: Record) -> tuple[Fact, ...]:
    """What the study was, in the order in which people ask."""
    c, config = findings.conditions, findings.config
    images = ", ".join(f"{split} {count:,}" for split, count in c.images.items())
    asked = "" if findings.trials_asked is None else f" of {findings.trials_asked}"
    return (
        Fact("study", c.study),
        *([Fact("begun", f"{record.created:%Y-%m-%d %H:%M} UTC")] if record.created else []),
        Fact("dataset", f"{c.dataset}, {c.classes} classes"),
        Fact("images", images),
        Fact("family", c.family),
        Fact("budget", c.axis.tell(c.budget)),
        Fact("schedule", f"{text.epochs(c)}, batch {c.schedule.batch_size}"),
        Fact("seed of the study", str(c.seed)),
        Fact("seeds of every network", str(config.get("seeds", "not known"))),
        Fact("averaging", f"{c.rule} mean of probabilities"),
        Fact("sampler", c.sampler),
        Fact("trials", f"{findings.trials_over}{asked}, {findings.trials_failed} failed"),
        Fact("members", f"{findings.members:,}"),
        Fact(
            "training",
            f"{format_duration(findings.train_seconds)} of worker time, an estimated "
            f"{text.count(findings.train_macs, c)} FLOPs",
        ),
        Fact("images fingerprint", str(config.get("fingerprint", "not known"))),
    )


def _flat(environment: Mapping[str, object]) -> list[Fact]:
    """Versions by package, and what else is known of where it ran."""
    found = []
    for name, value in environment.items():
        if isinstance(value, Mapping):
            found += [Fact(str(package), str(version)) for package, version in value.items()]
        else:
            found.append(Fact(name, str(value)))
    return found
