"""`confirm`: choose finalists, say what is ahead, retrain them, open test, conclude."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from ensearch import units
from ensearch.cli import report, run
from ensearch.cli.terminal import Interrupts, place, say
from ensearch.confirmation import plan as confirmation_plan
from ensearch.confirmation.finalists import FEWEST
from ensearch.confirmation.plan import Confirmation, Request
from ensearch.errors import UsageError
from ensearch.store import Store, openings
from ensearch.study import config as configs
from ensearch.study.config import StudyConfig

if TYPE_CHECKING:  # these import torch or matplotlib: only what needs them does
    from ensearch.confirmation.run import Work
    from ensearch.study.search import Where
    from ensearch.study.study import Study


def confirm(study: str, flags: dict[str, Any], *, as_json: bool, **how: Any) -> None:
    seconds = flags["timeout"]
    if seconds is not None:
        seconds = units.parse_duration(seconds, "timeout")
    with Store.open(flags["storage"], create=False) as store:
        config = configs.from_dict(store.study(study).config)
        plan = confirmation_plan.decide(store, config, _request(flags, config.flops_per_mac))
        code = 0
        if plan.finished:
            say(f"confirmation {plan.number} of {study} is complete: nothing is trained or opened")
        else:
            code = _work(config, store, plan, flags, seconds, **how)
        if any(p.finished or p.failures for p in _same(store, study, plan)):
            _conclude(store, study, plan.number, as_json, flags["storage"])
    if code:
        raise typer.Exit(code)


def _same(store: Store, study: str, plan: Confirmation) -> list[Confirmation]:
    return [p for p in confirmation_plan.plans(store, study) if p.number == plan.number]


def _request(flags: dict[str, Any], flops_per_mac: int) -> Request:
    retrain = not flags["no_retrain"]
    for name in ("epochs", "members"):
        if not retrain and flags[name] is not None:
            raise UsageError(f"--{name} says how to retrain; leave it out, or --no-retrain.")
    usual = Request()
    return Request(
        budgets=_budgets(flags["budgets"], flops_per_mac),
        top=flags["top"],
        fewest=FEWEST if flags["fewest"] is None else flags["fewest"],
        epochs=flags["epochs"],
        members=flags["members"] or usual.members,
        retrain=retrain,
    )


def _budgets(text: str | None, flops_per_mac: int) -> tuple[float, ...] | None:
    if text is None:
        return None
    return tuple(flops / flops_per_mac for flops in units.parse_counts(text, "budgets"))


def _work(
    config: StudyConfig,
    store: Store,
    plan: Confirmation,
    flags: dict[str, Any],
    seconds: float | None,
    *,
    launcher: str,
    weights: bool,
    take_over: bool,
    retrain_missing: bool,
) -> int:
    """Train and score; the exit code."""
    from ensearch import training
    from ensearch.cli import progress
    from ensearch.confirmation import run as confirmation_run
    from ensearch.study import search, study

    run.prepare_launcher(launcher, flags["ray_address"])
    device = training.resolve_device(flags["device"] or "auto")
    where = search.Where(
        device=device,
        workers=run.workers(flags["workers"], device, launcher),
        launcher=launcher,
        keep_weights=weights,
    )
    with Interrupts().installed() as interrupts:
        with interrupts.at_once():
            opened = study.open_study(
                config, store, Path(flags["data_dir"]), training.describe_device(device)
            )
            ahead = _say_plan(opened, store, plan, where)
        with progress.watch(config.flops_per_mac, ahead.members, "members") as watcher:
            ended = confirmation_run.run(
                opened,
                store,
                plan,
                where,
                ahead=ahead,
                seconds=seconds,
                take_over=take_over,
                retrain_missing=retrain_missing,
                on_event=watcher,
                is_interrupted=interrupts,
            )
    if ended != "done":
        why = "the time limit is reached" if ended == "time" else "interrupted"
        say(f"\n{why}: members that are trained are kept, and nothing has been scored yet")
        say(f"go on     {_again(config.name, flags)}")
    return interrupts.exit_code if ended == "interrupted" else 0


def _again(study: str, flags: dict[str, Any]) -> str:
    """The command that goes on with the same plan: other options would make another one."""
    usual = {"top": 1}
    parts = [f"ensearch confirm {study}{place(flags['storage'])}"]
    for name in ("budgets", "top", "fewest", "epochs", "members"):
        if flags[name] not in (None, usual.get(name)):
            parts.append(f"--{name} {shlex.quote(str(flags[name]))}")
    return " ".join([*parts, *(["--no-retrain"] if flags["no_retrain"] else [])])


def _say_plan(opened: "Study", store: Store, plan: Confirmation, where: "Where") -> "Work":
    """Measure the speed here, where something must be trained, and print the plan."""
    from ensearch import training
    from ensearch.confirmation import run as confirmation_run
    from ensearch.study.plan import Speed

    config = opened.config
    ahead = confirmation_run.work(opened, store, plan, Speed(fixed=0.0, per_mac=0.0), where.workers)
    if ahead.train_macs:
        speed = run.measured_speed(opened, store, where)
        ahead = confirmation_run.work(opened, store, plan, speed, where.workers)
    others = _others(store, config.name, plan)
    for line in (
        *_finalists(config, plan, opened.images),
        *_training(plan, ahead, where, training.describe_device(where.device)),
        _test(others, plan),
    ):
        say(line)
    return ahead


def _others(store: Store, study: str, plan: Confirmation) -> list[openings.Look]:
    """Looks at test before this plan's."""
    own = {o.plan: o.opened for o in openings.openings(store, study)}
    found = [
        openings.Look(what=f"confirm {study}", opened=opened, of="", study=study)
        for number, opened in own.items()
        if number != plan.number
    ]
    found += openings.elsewhere(store, study)
    return [look for look in found if look.opened <= own.get(plan.number, look.opened)]


def _finalists(config: StudyConfig, plan: Confirmation, images: dict[str, int]) -> list[str]:
    from ensearch.report.confirmation import text as confirmation_text

    unit = config.flops_per_mac

    def cost(macs: float) -> str:
        return units.format_count(macs * unit)

    labels = [f.label for f in plan.finalists]
    width = max(map(len, labels))
    return [
        f"study     {config.name}, confirmation {plan.number}",
        f"data      {config.dataset}: {images['train']} train, {images['val']} val, "
        f"{images['test']} test images",
        f"budgets   {', '.join(map(cost, reversed(plan.budgets)))} {units.unit_name(unit)}",
        f"finalists {len(labels)} of {units.counted(len(plan.networks), 'network')}, "
        "chosen on val:",
        *(
            f"          {label:<{width}}  {cost(f.macs):>6}  val {f.accuracy:.2%}  "
            f"{confirmation_text.reasons(f.reasons, unit)}"
            for label, f in zip(labels, plan.finalists, strict=True)
        ),
    ]


def _training(plan: Confirmation, ahead: "Work", where: "Where", device: str) -> list[str]:
    from ensearch.report.confirmation import text as confirmation_text

    if not plan.retrain:
        return [
            "schedule  the search's own: nothing is retrained",
            f"work      {units.counted(ahead.members, 'member')} to predict test; optimistic, "
            "because they also chose",
        ]
    missing = ahead.members - ahead.ready
    lines = [
        f"schedule  {confirmation_text.schedule(plan)}, everything else as in the search",
        f"members   {ahead.members} with fresh seeds, at least {plan.request.members} of every "
        f"network; {ahead.ready} are kept already",
    ]
    if not missing:
        return [*lines, "work      nothing is left to train"]
    workers = f"{units.counted(where.workers, 'worker')} on {device}"
    return [
        *lines,
        f"work      {units.counted(missing, 'member')} and "
        f"{units.format_count(ahead.train_macs)} multiply-adds of training",
        f"time      about {units.format_duration(ahead.seconds)} with {workers}",
    ]


def _test(before: list[openings.Look], plan: Confirmation) -> str:
    if not before:
        return "test      this confirmation opens the test split, for the first time"
    return (
        f"test      the test split of this study has been opened {openings.before(before)}: the "
        f"numbers of confirmation {plan.number} are optimistic"
    )


def _conclude(store: Store, study: str, number: int, as_json: bool, storage: str | None) -> None:
    """Show what was found, write the files, and leave a word for the search's report."""
    from ensearch.report.confirmation import files
    from ensearch.report.confirmation import text as confirmation_text
    from ensearch.report.confirmation.results import collect_confirmation

    found = collect_confirmation(store, study, number)
    if found.plan.retrain:
        store.set_note(study, "confirmed", confirmation_text.carried(found))
    say("")
    if as_json:
        typer.echo(json.dumps(files.summary(found), indent=2, allow_nan=False))
    else:
        report.show(found.results)
        console = Console()
        for paragraph in confirmation_text.paragraphs(found):
            console.print(Text(f"\n{paragraph}"))
        console.print(Text(f"\n{confirmation_text.sentence(found)}", style="bold"))
    # After the table: a failure to write must not cost the user the result.
    folder = report.folder(store, study)
    names = [path.name for path in files.write(found, folder)]
    say(f"\nwritten to {folder}: {', '.join(names)}")
    budget = units.format_count(found.results.conditions.budget, 6)
    say(
        f"combine   ensearch front --pool confirmed:{study} --budget {budget} --test"
        f"{place(storage)}    (mixed ensembles and cascades; counts as an opening)"
    )
