"""What the verbs do: library calls in order, and what is printed of them."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from ensearch import config as configs
from ensearch import units
from ensearch.config import StudyConfig
from ensearch.errors import TrialsFailedError, UsageError
from ensearch.store import DEFAULT_URL, Store
from ensearch.terminal import Interrupts, say

if TYPE_CHECKING:  # these import torch or matplotlib: only the verbs that need them do
    from ensearch.report.collect import Results
    from ensearch.search import Limits, Outcome, Where
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
    with Store.open(str(settings.get("storage", DEFAULT_URL)), create=True) as store:
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
    """Stop rules as keyword arguments of `search.Limits`, checked before anything expensive."""
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
    from ensearch import launch, progress, search, study, training

    launch.get(launcher)
    device = training.resolve_device(settings.get("device") or "auto")
    where = search.Where(
        device=device,
        workers=_workers(settings.get("workers"), device, launcher),
        launcher=launcher,
        keep_weights=weights,
    )
    stop = search.Limits(**limits)
    data_dir = Path(settings.get("data_dir") or "data")
    opened = study.open_study(config, store, data_dir, training.describe_device(device))
    store.set_note(config.name, "trials", stop.trials)
    expected = _say_plan(opened, store, stop, where)
    with Interrupts().installed() as interrupts, progress.watch(config.flops_per_mac) as watcher:
        outcome = search.run(
            opened,
            store,
            stop,
            where,
            expected_macs=expected,
            take_over=take_over,
            retrain_missing=retrain_missing,
            on_event=watcher,
            is_interrupted=interrupts,
        )
    _conclude(config.name, store, outcome, as_json)
    if outcome.reason == "interrupted":
        raise typer.Exit(interrupts.exit_code)


def _workers(asked: int | None, device: str, launcher: str) -> int:
    """One worker per core on a CPU, each with one thread; one on a GPU."""
    if asked is not None and asked < 1:
        raise UsageError(f"--workers must be a whole number of at least 1; got {asked}.")
    if launcher == "inline" or device == "cuda":
        return 1 if asked is None or launcher == "inline" else asked
    return asked or _cores()


def _cores() -> int:
    # Containers and job schedulers grant fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _say_plan(opened: "Study", store: Store, stop: "Limits", where: "Where") -> float:
    """Measure the speed here and print the plan; the multiply-adds of training it expects."""
    from ensearch import plan, training

    config, dataset = opened.config, opened.dataset
    shape = (dataset.channels, len(dataset.classes), dataset.resolution)
    speed = plan.measure(
        opened.ladder,
        lambda a: training.measure_speed(a, shape, config.schedule.batch_size, where.device),
    )
    told = len(store.trials(config.name))
    images = {
        "train": len(dataset.y_train),
        "val": len(dataset.y_val),
        "test": len(dataset.y_test),
    }
    expected = plan.estimate(
        opened.ladder,
        config.schedule,
        images["train"],
        max(0, stop.trials - told),
        speed,
        where.workers,
    )
    device = training.describe_device(where.device)
    for line in plan.describe(config, opened.ladder, expected, images, where.workers, device):
        say(line)
    if told:
        say(f"resume    {told} trials are done already")
    return expected.train_macs


def _conclude(name: str, store: Store, outcome: "Outcome", as_json: bool) -> None:
    """Say how the run ended, show what is known, and how to go on."""
    from ensearch import search
    from ensearch.report import dashboard, files

    say("")
    say(
        f"{search.REASONS[outcome.reason]}: {outcome.done} trials done, {outcome.failed} failed"
        + (f", {outcome.waiting} under way are kept for the next run" if outcome.waiting else "")
    )
    if outcome.done == 0:
        if outcome.failed:
            reasons = sorted({trial.reason or "unknown" for trial in store.trials(name)})
            raise TrialsFailedError(
                f"all {outcome.failed} trials of study {name} failed: {', '.join(reasons)}. "
                f"`ensearch status {name}` shows the members' messages."
            )
        say(f"nothing has been evaluated yet. Go on with: ensearch resume {name}")
        return
    results = _collect(store, name)
    folder = _write(results, _reports(store) / name)
    dashboard.publish(store.optuna_url, results, prepare=store.prepare)
    if as_json:
        typer.echo(json.dumps(files.summary(results), indent=2, allow_nan=False))
        return
    _print(results)
    say("")
    say(f"results   {folder}")
    say(f"storage   {store.url} and {store.files}")
    say(f"go on     ensearch resume {name} --trials {outcome.done + outcome.failed + 20}")
    say("look      ensearch dashboard")


def report(name: str, out: Path | None, storage: str, as_json: bool) -> None:
    from ensearch.report import files

    with Store.open(storage, create=False) as store:
        results = _collect(store, name)
        folder = _write(results, out or _reports(store) / name)
    if as_json:
        typer.echo(json.dumps(files.summary(results), indent=2, allow_nan=False))
    else:
        _print(results)
    say(f"\nwritten to {folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}")


def _collect(store: Store, name: str) -> "Results":
    from ensearch.report.collect import collect

    return collect(store, name)


def _reports(store: Store) -> Path:
    return store.files.with_suffix(".reports")


def _write(results: "Results", folder: Path) -> Path:
    from ensearch.report import figure, files, tradeoff

    files.write(results, folder)
    figure.draw_png(tradeoff.compute(results), folder / "tradeoff.png")
    return folder


def _print(results: "Results") -> None:
    from ensearch.report import table

    table.print_table(results, Console(soft_wrap=False))


def status(name: str | None, storage: str, as_json: bool) -> None:
    with Store.open(storage, create=False) as store:
        if name is not None:
            store.study(name)  # refuses an unknown name with the nearest
        summaries = [s for s in store.summaries() if name in (None, s.name)]
        failures = [m for m in store.all_members() if m.state == "failed" and m.trained_by == name]
    rows = [
        {
            "study": s.name,
            "state": "running" if s.running else "stopped",
            "trials_done": s.trials_done,
            "trials_failed": s.trials_failed,
            "evaluations": s.evaluations,
            "members": s.members,
            "member_failures": s.member_failures,
            "train_macs": s.train_macs,
            "created": s.created.isoformat(timespec="seconds"),
        }
        for s in summaries
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("no studies yet. Begin with: ensearch run --budget 2e6 --dataset digits")
    for row in rows:
        typer.echo(
            f"{row['study']}: {row['state']}, {row['trials_done']} trials done, "
            f"{row['trials_failed']} failed, {row['evaluations']} evaluations, "
            f"{row['members']} members, {units.format_count(float(str(row['train_macs'])))} "
            f"multiply-adds of training, since {row['created']}"
        )
    for m in failures:
        typer.echo(f"  member {m.member.architecture.label} failed: {m.reason}: {m.detail}")


def dashboard(name: str | None, storage: str, port: int, allow_edit: bool) -> None:
    from ensearch.report import dashboard as page

    with Store.open(storage, create=False) as store:
        if name is not None:
            store.study(name)
        page.serve(
            store.optuna_url,
            study=name,
            port=port,
            allow_edit=allow_edit,
            prepare=store.prepare,
            ready=lambda url: say(f"Optuna dashboard at {url} (stop with Ctrl-C)"),
        )


def cost(
    family: str,
    shape: dict[str, Any],
    channels: int,
    classes: int,
    size: int,
    flops_per_mac: int,
    as_json: bool,
) -> None:
    from ensearch import cost as costs
    from ensearch.core import Architecture

    if flops_per_mac not in (1, 2):
        raise UsageError(f"--flops-per-mac must be 1 or 2; got {flops_per_mac}.")
    architecture = Architecture(family=family, **shape)
    one = costs.count(architecture, channels, classes)
    whole = one.times(size)
    by_thop = costs.count_with_thop(architecture, channels, classes)
    difference = costs.disagreement(one.macs, by_thop)
    record = {
        "architecture": architecture.key,
        "members": size,
        "parameters": whole.params,
        "multiply_adds_per_example": whole.macs,
        "flops_per_example": whole.macs * flops_per_mac,
        "flops_per_multiply_add": flops_per_mac,
        "multiply_adds_per_example_by_thop": by_thop * size,
    }
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        typer.echo(f"{size} × {architecture.key}, {channels} channels, {classes} classes")
        typer.echo(f"parameters     {whole.params:,}")
        typer.echo(f"multiply-adds  {whole.macs:,} per example")
        if flops_per_mac == 2:
            typer.echo(f"FLOPs          {2 * whole.macs:,} per example (2 per multiply-add)")
    if difference is not None:
        say(
            f"note: thop counts {by_thop * size:,}, {difference:.1%} off. The count of operators "
            "stands: thop misses attention and functional operators."
        )
