"""`run` and `resume`: open a study, say what is ahead, search, conclude."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ensearch import units
from ensearch.cli import report
from ensearch.cli.terminal import Interrupts, place, say
from ensearch.errors import TrialsFailedError, UsageError
from ensearch.store import DEFAULT_URL, Store
from ensearch.study import config as configs
from ensearch.study import events
from ensearch.study.config import StudyConfig

if TYPE_CHECKING:  # these import torch or matplotlib: only the verbs that need them do
    from ensearch.study.driver import Limits
    from ensearch.study.plan import Plan, Speed
    from ensearch.study.search import Outcome, Where
    from ensearch.study.study import Study

DEFAULT_TRIALS = 40
_LEAST_SECONDS = 60.0  # of training, to judge a speed by


def run(
    flags: dict[str, Any],
    config_file: Path | None,
    *,
    plan_only: bool,
    take_over: bool,
    as_json: bool,
) -> None:
    settings = configs.read_file(config_file) if config_file else {}
    settings |= {key: value for key, value in flags.items() if value is not None}
    config = configs.resolve(settings)
    limits = _limits(settings)
    storage = str(settings.get("storage", DEFAULT_URL))
    with (
        _place_for(storage, plan_only) as url,
        Store.open(url, create=True) as store,
    ):
        _search(
            config,
            store,
            settings,
            limits,
            launcher=settings.get("launcher", "processes"),
            weights=settings.get("weights", True),
            retrain_missing=False,
            take_over=take_over,
            as_json=as_json,
            plan_only=plan_only,
        )


@contextmanager
def _place_for(storage: str, plan_only: bool) -> Iterator[str]:
    """The storage; for a plan alone one that is gone afterwards, so that its name stays free."""
    if not plan_only:
        yield storage
        return
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "plan.db")


def resume(study: str, flags: dict[str, Any], **how: Any) -> None:
    limits = _limits(flags)
    with Store.open(flags["storage"], create=False) as store:
        config = configs.from_dict(store.study(study).config)
        if flags["trials"] is None:
            limits["trials"] = store.note(study, "trials") or DEFAULT_TRIALS
        _search(config, store, flags, limits, **how)


def _limits(settings: dict[str, Any]) -> dict[str, Any]:
    """Stop rules as keyword arguments of `driver.Limits`, checked before anything expensive."""
    trials = settings.get("trials")
    if trials is not None and trials < 1:
        raise UsageError(f"--trials must be a whole number of at least 1; got {trials}.")
    timeout, train = settings.get("timeout"), settings.get("train_budget")
    return {
        "trials": trials or DEFAULT_TRIALS,
        "seconds": None if timeout is None else units.parse_duration(timeout, "timeout"),
        "train_macs": None if train is None else units.parse_count(train, "train_budget"),
    }


def _search(
    config: StudyConfig,
    store: Store,
    settings: dict[str, Any],
    limits: dict[str, Any],
    *,
    launcher: str,
    weights: bool,
    retrain_missing: bool,
    take_over: bool,
    as_json: bool,
    plan_only: bool = False,
) -> None:
    from ensearch import training
    from ensearch.cli import progress
    from ensearch.study import driver, search, study

    prepare_launcher(launcher, settings.get("ray_address"))
    device = training.resolve_device(settings.get("device") or "auto")
    where = search.Where(
        device=device,
        workers=workers(settings.get("workers"), device, launcher),
        launcher=launcher,
        keep_weights=weights,
    )
    stop = driver.Limits(**limits)
    data_dir = Path(settings.get("data_dir") or "data")
    with Interrupts().installed() as interrupts:
        with interrupts.at_once():
            opened = study.open_study(config, store, data_dir, training.describe_device(device))
            expected, speed = _say_plan(opened, store, stop, where)
        if plan_only:
            return
        took: list[float] = []
        before = store.trained_macs(config.name)
        with progress.watch(config.flops_per_mac, stop.trials) as watcher:

            def on_event(event: events.Event) -> None:
                if isinstance(event, events.MemberDone):
                    took.append(event.seconds)
                watcher(event)

            outcome = search.run(
                opened,
                store,
                stop,
                where,
                expected=expected,
                take_over=take_over,
                retrain_missing=retrain_missing,
                on_event=on_event,
                is_interrupted=interrupts,
            )
        _judge(speed, opened, store, where, took, store.trained_macs(config.name) - before)
        _conclude(config.name, store, outcome, settings.get("storage"), as_json)
    if interrupts():
        raise typer.Exit(interrupts.exit_code)


def workers(asked: int | None, device: str, launcher: str) -> int:
    """Members trained at a time: as many as are asked for, or as the launcher usually takes."""
    from ensearch import launch

    if asked is not None and asked < 1:
        raise UsageError(f"--workers must be a whole number of at least 1; got {asked}.")
    if asked is None or launcher == "inline":
        return launch.get(launcher).usual(device)
    return asked


def prepare_launcher(launcher: str, ray_address: str | None) -> None:
    """Refuse an unknown launcher, and an address of a cluster that it would not use; warm it up."""
    from ensearch import launch

    module = launch.get(launcher)
    if ray_address is not None:
        if launcher != "ray":
            raise UsageError(f"--ray-address is for --launcher ray; --launcher is {launcher}.")
        os.environ["RAY_ADDRESS"] = ray_address  # where Ray and its own programs look for it too
    module.warm_up()


def _say_plan(
    opened: "Study", store: Store, stop: "Limits", where: "Where"
) -> tuple["Plan", "Speed"]:
    """Print the plan; what is expected, and at which speed."""
    from ensearch import training
    from ensearch.study import plan

    config, speed = opened.config, measured_speed(opened, store, where)
    before = next(s for s in store.summaries() if s.name == config.name)
    told = before.trials_done + before.trials_failed
    expected = plan.estimate(
        opened.ladder,
        opened.images["train"],
        max(0, min(stop.trials, len(opened.ladder.cells)) - told),
        speed,
        where.workers,
    )
    device = training.describe_device(where.device)
    for line in plan.describe(
        config, opened.ladder, expected, speed, opened.images, where.workers, device
    ):
        say(line)
    for note in opened.dataset.notes:
        say(f"note      {note}")
    if before.members or told:
        kept = units.counted(before.members, "member")
        done = f"{units.counted(told, 'trial')} {'is' if told == 1 else 'are'} done already"
        say(f"resume    {done}, {kept} kept")
    return expected, speed


def measured_speed(opened: "Study", store: Store, where: "Where") -> "Speed":
    """How fast members train here, measured once a day for each device, version and batch size.

    It takes 5 s of training on a CPU, more than all else that a resume does before it goes on.
    """
    from ensearch import training
    from ensearch.study import plan

    dataset, batch_size = opened.dataset, opened.config.schedule.batch_size
    here, known = _speeds(opened, store, where)
    now = datetime.now(UTC)
    old = (now - timedelta(days=1)).isoformat()
    if known.get(here, {}).get("measured", "") < old:
        shape = (dataset.channels, len(dataset.classes), dataset.resolution)
        speed = plan.measure(
            opened.ladder,
            lambda a: training.measure_speed(a, shape, batch_size, where.device),
        )
        known[here] = dataclasses.asdict(speed) | {"measured": now.isoformat()}
        store.set_note(opened.config.name, "speed", known)
    return plan.Speed(fixed=known[here]["fixed"], per_mac=known[here]["per_mac"])


def _speeds(opened: "Study", store: Store, where: "Where") -> tuple[str, dict[str, Any]]:
    """The name of what decides about the speed here, and the speeds that are stored."""
    from ensearch import training

    device, batch_size = training.describe_device(where.device), opened.config.schedule.batch_size
    found = store.note(opened.config.name, "speed")
    here = f"{device}, PyTorch {version('torch')}, {batch_size}"
    return here, found if isinstance(found, dict) else {}


def _judge(
    speed: "Speed",
    opened: "Study",
    store: Store,
    where: "Where",
    took: list[float],
    train_macs: float,
) -> None:
    """Forget a speed that training contradicts: the machine was busy then, or was now.

    `took` are the seconds of each member. Those of less than a minute in all are mostly starts, and
    where members have different epochs their overheads are not known.
    """
    if sum(took) < _LEAST_SECONDS or "epochs" in opened.ladder.schedule_axes:
        return
    steps = opened.images["train"] * opened.config.schedule.epochs
    # Training a network takes three times the multiply-adds that its images need.
    promised = speed.fixed * steps * len(took) + speed.per_mac * train_macs / 3
    ratio = sum(took) / promised
    if not 0.5 <= ratio <= 2:
        here, known = _speeds(opened, store, where)
        known.pop(here, None)
        store.set_note(opened.config.name, "speed", known)
        say(
            f"note      training took {ratio:.2g} times as long as the plan's speed says: the next "
            "run measures it again"
        )


def _conclude(
    name: str, store: Store, outcome: "Outcome", storage: str | None, as_json: bool
) -> None:
    """Say how the run ended, show what is known, and how to go on."""
    from ensearch.report.dashboard import dashboard
    from ensearch.report.study import files
    from ensearch.study import driver

    here = place(storage)
    go_on = f"ensearch resume {name}{here}"
    say("")
    say(
        f"{driver.REASONS[outcome.reason]}: {units.counted(outcome.done, 'trial')} done, "
        f"{outcome.failed} failed"
        + (f", {outcome.waiting} under way are kept for the next run" if outcome.waiting else "")
    )
    if outcome.done == 0 and outcome.failed:
        reasons = sorted({trial.reason or "unknown" for trial in store.trials(name)})
        raise TrialsFailedError(
            f"all {outcome.failed} trials of study {name} failed: {', '.join(reasons)}. What "
            "became of each member is said above."
        )
    if outcome.done == 0:
        say(f"nothing has been evaluated yet. Go on with: {go_on}")
        return
    found = report.collect(store, name, patiently=True)
    if as_json:
        typer.echo(json.dumps(files.summary(found), indent=2, allow_nan=False))
    else:
        report.show(found)
    # After the table: a failure to write must not cost the user the result.
    folder = report.write(found, report.folder(store, name))
    with store.translated():
        dashboard.publish(store.optuna_url, found, prepare=store.prepare)
    say("")
    say(f"results   {folder}")
    say(f"storage   {store.place} and {store.files}")
    if outcome.waiting or outcome.reason in ("time", "interrupted"):
        say(f"go on     {go_on}")
    elif outcome.reason != "exhausted":
        say(f"go on     {go_on} --trials {outcome.done + outcome.failed + 20}")
    say(f"look      ensearch dashboard{here}")
