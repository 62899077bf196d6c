"""`pool list`, `show`, `remove` and `verify`: what can be combined. None imports torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import typer
from rich.console import Console

from ensearch import units
from ensearch.cli.terminal import say
from ensearch.errors import StorageError
from ensearch.pool import entry as pool_entry
from ensearch.pool import verification
from ensearch.pool.entry import Entry
from ensearch.report import _console_table as console_table
from ensearch.report._console_table import Row
from ensearch.store import Store, openings

EMPTY = (
    "the pool is empty. Train members: ensearch run --budget 2e6 --dataset digits; or bring "
    "predictions: ensearch pool import FILE.npz --name B0 --macs 0.39e9"
)


def listed(storage: str, with_test: bool, as_json: bool) -> None:
    with Store.open(storage, create=False) as store:
        found = pool_entry.entries(store)
        splits = ("val", "test") if with_test else ("val",)
        if with_test:
            _open_test(store, found, "pool list --test")
        known = store.pool.datasets()
        rows = [_described(store, entry, splits, known) for entry in found]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, allow_nan=False))
        return
    if not rows:
        typer.echo(EMPTY)
        return
    _print(found, rows, splits)


def _open_test(store: Store, found: Sequence[Entry], what: str) -> None:
    """Recorded before it is done; what one command sees of several splits is one look."""
    fingerprints = sorted({e.labels["test"] for e in found if "test" in e.labels})
    before = {one: openings.looks(store, one) for one in fingerprints}
    for one in fingerprints:
        openings.record(store, one, what)
        say(openings.sentence(one, what, before[one]))


def _described(
    store: Store,
    entry: Entry,
    splits: Sequence[str],
    known: Mapping[str, tuple[str, dict[str, str]]],
) -> dict[str, Any]:
    """Plain data; an accuracy that cannot be read is None.

    `data` is what people call the images of its rows, `dataset` the fingerprint of all the images:
    for a model, where only one has such rows.
    """
    fits = {
        fingerprint: spec
        for fingerprint, (spec, labels) in known.items()
        if (entry.dataset in ("", fingerprint))
        and entry.labels
        and entry.labels.items() <= labels.items()
    }
    return {
        "name": entry.name,
        "kind": "member" if entry.is_member else "model",
        "network": entry.network,
        "multiply_adds_per_example": entry.macs,
        "parameters": entry.params,
        **{f"accuracy_{split}": accuracy(store, entry, split) for split in splits},
        "labels": dict(entry.labels),
        "data": ", ".join(sorted(set(fits.values()))),
        "dataset": entry.dataset or (next(iter(fits)) if len(fits) == 1 else ""),
        "origin": entry.origin,
        "schedule": None if entry.schedule is None else entry.schedule.content(),
        "inputs": None if entry.inputs is None else asdict(entry.inputs),
        "may_have_seen_val": entry.may_have_seen_val,
        "created": entry.created.isoformat(timespec="seconds"),
    }


def accuracy(store: Store, entry: Entry, split: str) -> float | None:
    """None where there are no predictions or they cannot be used: `verify` says why."""
    if split not in entry.labels:
        return None
    try:
        labels = store.pool.labels(entry.labels[split]).values
        logits = pool_entry.logits(store, entry, split)
    except StorageError:
        return None
    if len(logits) != len(labels):
        return None
    return float(np.mean(logits.argmax(axis=1) == labels))


def _print(found: Sequence[Entry], rows: list[dict[str, Any]], splits: Sequence[str]) -> None:
    """A line for each network of members and for each model."""
    columns = ("Seeds", "FLOPs", "Params", *(f"{split} %" for split in splits), "Labels")
    groups: dict[str, list[int]] = {}
    for index, entry in enumerate(found):
        groups.setdefault(entry.network if entry.is_member else f"\n{entry.name}", []).append(index)
    lines = []
    for indices in groups.values():
        first = found[indices[0]]
        origins = sorted({found[i].origin for i in indices})
        cells = (
            str(len(indices)),
            units.format_count(first.macs),
            "" if first.params is None else units.format_count(first.params),
            *(_mean([rows[i][f"accuracy_{split}"] for i in indices]) for split in splits),
            first.labels.get("val", "")[:8],
        )
        more = f" and {len(origins) - 1} more" if len(origins) > 1 else ""
        lines.append(Row(name=pool_entry.shown_as(first), cells=cells, last=origins[0] + more))
    heads = Row(name="Name", cells=columns, last="Origin")
    if not console_table.print_rows(heads, lines, Console()):
        say("note: `ensearch pool show NAME` says where an entry is from")


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * np.mean(known):.2f}" if known else "?"


def show(name: str, with_test: bool, storage: str, as_json: bool) -> None:
    """One entry, or all of a network: then JSON is a list of them."""
    with Store.open(storage, create=False) as store:
        chosen = pool_entry.called(pool_entry.entries(store), name)
        splits = ("val", "test") if with_test else ("val",)
        if with_test:
            _open_test(store, chosen, f"pool show --test {name}")
        known, rows = store.pool.datasets(), []
        for entry in chosen:
            row = _described(store, entry, splits, known)
            row["labels"] = {s: _summary(store, f) for s, f in entry.labels.items()}
            row["used_by"] = store.pool.users(entry.key)[0] if entry.is_member else []
            rows.append(row)
    if as_json:
        content = rows[0] if chosen[0].name == name else rows
        typer.echo(json.dumps(content, indent=2, allow_nan=False))
        return
    for number, (entry, row) in enumerate(zip(chosen, rows, strict=True)):
        typer.echo(("\n" if number else "") + "\n".join(_lines(entry, row, splits)))


def _summary(store: Store, fingerprint: str) -> str:
    try:
        return store.pool.labels(fingerprint).summary
    except StorageError:
        return f"{fingerprint}, which cannot be read: see `ensearch pool verify`"


def _lines(entry: Entry, row: dict[str, Any], splits: Sequence[str]) -> list[str]:
    lines = {
        "name": entry.name,
        "network": entry.network,
        "cost": f"{entry.macs:,} multiply-adds per example",
        "parameters": "not said" if entry.params is None else f"{entry.params:,}",
        "data": row["data"] or "not known",
        **{split: _right(entry, split, row[f"accuracy_{split}"]) for split in splits},
        **{f"{split} rows": text for split, text in row["labels"].items()},
        "origin": entry.origin,
        "created": row["created"],
    }
    if entry.schedule is not None:
        table = entry.schedule.content()
        lines["schedule"] = ", ".join(f"{field} {value}" for field, value in table.items())
        lines["used by"] = ", ".join(row["used_by"]) or "no study"
    else:
        lines["inputs"] = _inputs(entry)
    return [f"{what:<10}  {text}" for what, text in lines.items()]


def _right(entry: Entry, split: str, value: float | None) -> str:
    if split not in entry.labels:
        return f"not predicted, only {', '.join(entry.labels) or 'of images not known'}"
    if value is None:
        return "no predictions that can be read: see `ensearch pool verify`"
    return f"{value:.2%} right"


def _inputs(entry: Entry) -> str:
    found = entry.inputs
    if found is None:
        return "unknown: predicted by others, or before this was kept"
    return f"{found.resolution} pixels a side, {found.normalisation}, of the {found.normalised_by}"


def removed(names: Sequence[str], force: bool, storage: str) -> None:
    with Store.open(storage, create=False) as store:
        found = pool_entry.entries(store)
        chosen = [pool_entry.named(found, name) for name in dict.fromkeys(names)]
        for entry in chosen:  # all are looked at before the first goes
            if entry.is_member:
                _refuse_used(store, entry, force)
        for entry in chosen:
            if entry.is_member:
                store.pool.remove_member(entry.key)
            else:
                store.pool.remove(entry.name)
            typer.echo(f"removed {entry.name}")


def _refuse_used(store: Store, entry: Entry, force: bool) -> None:
    using, live = store.pool.users(entry.key)
    if live:
        raise StorageError(
            f"{entry.name} belongs to {', '.join(live)}, which is running: wait for it or stop it."
        )
    if using and not force:
        raise StorageError(
            f"{entry.name} is used by evaluations of {', '.join(using)}: what they say could not "
            "be computed again without it. --force removes it all the same."
        )


def verify(storage: str, as_json: bool) -> None:
    with Store.open(storage, create=False) as store:
        count = len(pool_entry.entries(store))
        found = verification.problems(store)
    if as_json:
        rows = [
            {"name": one.name, "problem": one.says, "entries": list(one.entries)} for one in found
        ]
        typer.echo(json.dumps({"entries": count, "problems": rows}, indent=2))
    for one in () if as_json else found:
        typer.echo(f"{one.name}: {one.says}")
    if found:
        bad = len({name for one in found for name in one.entries})
        raise StorageError(f"{bad} of {count} entries of the pool cannot be used as they are.")
    if not as_json:
        typer.echo(f"{count} entries, and nothing is wrong with them")
