"""`run` and `resume`: open a study, say what is ahead, search, conclude."""

import dataclasses
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ensearch import config as configs
from ensearch import units
from ensearch.commands import results
from ensearch.config import StudyConfig
from ensearch.errors import TrialsFailedError, UsageError
from ensearch.store import DEFAULT_URL, Store
from ensearch.terminal import Interrupts, advising, place, say

if TYPE_CHECKING:  # these import torch or matplotlib: only the verbs that need them do
    from ensearch.driver import Limits
    from ensearch.plan import Plan, Speed
    from ensearch.search import Outcome, Where
    from ensearch.study import Study

DEFAULT_TRIALS = 40


def run(
    flags: dict[str, Any],
    config_file: Path | None,
    *,
    launcher: str,
    weights: bool,
    take_over: bool,
    as_json: bool,
) -> None:
    settings = configs.read_file(config_file) if config_file else {}
    settings |= {key: value for key, value in flags.items() if value is not None}
    config = configs.resolve(settings)
    limits = _limits(settings)
    storage = str(settings.get("storage", DEFAULT_URL))
    with advising(storage), Store.open(storage, create=True) as store:
        _search(
            config,
            store,
            settings,
            limits,
            launcher=launcher,
            weights=weights,
            retrain_missing=False,
            take_over=take_over,
            as_json=as_json,
        )


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
        "seconds": None if timeout is None else units.parse_duration(str(timeout), "--timeout"),
        "train_macs": None if train is None else units.parse_count(str(train), "--train-budget"),
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
) -> None:
    from ensearch import driver, progress, search, study, training

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
            expected = _say_plan(opened, store, stop, where)
        with progress.watch(config.flops_per_mac, stop.trials) as watcher:
            outcome = search.run(
                opened,
                store,
                stop,
                where,
                expected=expected,
                take_over=take_over,
                retrain_missing=retrain_missing,
                on_event=watcher,
                is_interrupted=interrupts,
            )
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


def _say_plan(opened: "Study", store: Store, stop: "Limits", where: "Where") -> "Plan":
    """Print the plan."""
    from ensearch import plan, training

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
        say(f"resume    {told} trials are done already, {before.members} members are kept")
    return expected


def measured_speed(opened: "Study", store: Store, where: "Where") -> "Speed":
    """How fast members train here, measured once for each device, version and batch size.

    It takes 5 s of training on a CPU, more than all else that a resume does before it goes on.
    """
    from ensearch import plan, training

    dataset, batch_size = opened.dataset, opened.config.schedule.batch_size
    here = f"{training.describe_device(where.device)}, PyTorch {version('torch')}, {batch_size}"
    found = store.note(opened.config.name, "speed")
    known = found if isinstance(found, dict) else {}
    if here not in known:
        shape = (dataset.channels, len(dataset.classes), dataset.resolution)
        speed = plan.measure(
            opened.ladder,
            lambda a: training.measure_speed(a, shape, batch_size, where.device),
        )
        known[here] = dataclasses.asdict(speed)
        store.set_note(opened.config.name, "speed", known)
    return plan.Speed(**known[here])


def _conclude(
    name: str, store: Store, outcome: "Outcome", storage: str | None, as_json: bool
) -> None:
    """Say how the run ended, show what is known, and how to go on."""
    from ensearch import driver
    from ensearch.report import dashboard, files

    here = place(storage)
    go_on = f"ensearch resume {name}{here}"
    say("")
    say(
        f"{driver.REASONS[outcome.reason]}: {outcome.done} trials done, {outcome.failed} failed"
        + (f", {outcome.waiting} under way are kept for the next run" if outcome.waiting else "")
    )
    if outcome.done == 0 and outcome.failed:
        reasons = sorted({trial.reason or "unknown" for trial in store.trials(name)})
        raise TrialsFailedError(
            f"all {outcome.failed} trials of study {name} failed: {', '.join(reasons)}. "
            f"`ensearch status {name}{here}` shows the members' messages."
        )
    if outcome.done == 0:
        say(f"nothing has been evaluated yet. Go on with: {go_on}")
        return
    found = results.collect(store, name)
    if as_json:
        typer.echo(json.dumps(files.summary(found), indent=2, allow_nan=False))
    else:
        results.show(found)
    # After the table: a failure to write must not cost the user the result.
    folder = results.write(found, results.folder(store, name))
    with store.translated():
        dashboard.publish(store.optuna_url, found, prepare=store.prepare)
    say("")
    say(f"results   {folder}")
    say(f"storage   {store.place} and {store.files}")
    if outcome.waiting or outcome.reason in ("time", "interrupted"):
        say(f"go on     {go_on}")
    else:
        say(f"go on     {go_on} --trials {outcome.done + outcome.failed + 20}")
    say(f"look      ensearch dashboard{here}")
