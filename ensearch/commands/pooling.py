"""`pool list`, `show`, `remove` and `verify`: what can be combined. None imports torch."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ensearch import bring, entries, openings, units
from ensearch.entries import Entry
from ensearch.errors import StorageError
from ensearch.store import Store
from ensearch.terminal import say

EMPTY = (
    "the pool is empty. Train members: ensearch run --budget 2e6 --dataset digits; or bring "
    "predictions: ensearch pool import FILE.npz --name B0 --macs 0.39e9"
)


def listed(storage: str, with_test: bool, as_json: bool) -> None:
    with Store.open(storage, create=False) as store:
        found = entries.entries(store)
        splits = ("val", "test") if with_test else ("val",)
        if with_test:
            _open_test(store, found)
        known = store.pool.datasets()
        rows = [_described(store, entry, splits, known) for entry in found]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, allow_nan=False))
        return
    if not rows:
        typer.echo(EMPTY)
        return
    _print(found, rows, splits)


def _open_test(store: Store, found: Sequence[Entry]) -> None:
    for fingerprint in sorted({e.labels["test"] for e in found if "test" in e.labels}):
        before = openings.record(store, fingerprint, "pool list --test")
        say(openings.sentence(fingerprint, before))


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
        "may_have_seen_val": entry.may_have_seen_val,
        "created": entry.created.isoformat(timespec="seconds"),
    }


def accuracy(store: Store, entry: Entry, split: str) -> float | None:
    """None where there are no predictions or they cannot be used: `verify` says why."""
    if split not in entry.labels:
        return None
    try:
        labels = store.pool.labels(entry.labels[split]).values
        logits = store.pool.predictions(entry.key, split).logits
    except StorageError:
        return None
    if len(logits) != len(labels):
        return None
    return float(np.mean(logits.argmax(axis=1) == labels))


def _print(found: Sequence[Entry], rows: list[dict[str, Any]], splits: Sequence[str]) -> None:
    """A line for each network of members and for each model."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    # Only columns that may fold give way on a narrow terminal: numbers must stay whole.
    table.add_column("Name", overflow="fold")
    for name in ("Seeds", "FLOPs", "Params", *(f"{split} %" for split in splits)):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Labels", no_wrap=True)
    table.add_column("Origin", overflow="fold")
    groups: dict[str, list[int]] = {}
    for index, entry in enumerate(found):
        groups.setdefault(entry.network if entry.is_member else f"\n{entry.name}", []).append(index)
    for indices in groups.values():
        first = found[indices[0]]
        origins = sorted({found[i].origin for i in indices})
        table.add_row(
            Text(entries.shown_as(first)),
            str(len(indices)),
            units.format_count(first.macs),
            "" if first.params is None else units.format_count(first.params),
            *(_mean([rows[i][f"accuracy_{split}"] for i in indices]) for split in splits),
            first.labels.get("val", "")[:8],
            Text(origins[0] + (f" and {len(origins) - 1} more" if len(origins) > 1 else "")),
        )
    Console().print(table)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * np.mean(known):.2f}" if known else "?"


def show(name: str, storage: str, as_json: bool) -> None:
    """One entry, or all of a network: then JSON is a list of them."""
    with Store.open(storage, create=False) as store:
        chosen = entries.called(entries.entries(store), name)
        known, rows = store.pool.datasets(), []
        for entry in chosen:
            row = _described(store, entry, ("val",), known)
            row["labels"] = {s: store.pool.labels(f).summary for s, f in entry.labels.items()}
            row["used_by"] = store.pool.users(entry.key)[0] if entry.is_member else []
            rows.append(row)
    if as_json:
        content = rows[0] if chosen[0].name == name else rows
        typer.echo(json.dumps(content, indent=2, allow_nan=False))
        return
    for number, (entry, row) in enumerate(zip(chosen, rows, strict=True)):
        typer.echo(("\n" if number else "") + "\n".join(_lines(entry, row)))


def _lines(entry: Entry, row: dict[str, Any]) -> list[str]:
    macs = row["multiply_adds_per_example"]
    value = row["accuracy_val"]
    lines = {
        "name": entry.name,
        "network": entry.network,
        "cost": f"{macs:,} multiply-adds per example",
        "parameters": "not said" if entry.params is None else f"{entry.params:,}",
        "data": row["data"] or "not known",
        "val": "no predictions that can be read" if value is None else f"{value:.2%} right",
        **{f"{split} rows": text for split, text in row["labels"].items()},
        "origin": entry.origin,
        "created": row["created"],
    }
    if entry.is_member:
        lines["used by"] = ", ".join(row["used_by"]) or "no study"
    return [f"{what:<10}  {text}" for what, text in lines.items()]


def removed(names: Sequence[str], force: bool, storage: str) -> None:
    with Store.open(storage, create=False) as store:
        found = entries.entries(store)
        chosen = [entries.named(found, name) for name in dict.fromkeys(names)]
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
        count = len(entries.entries(store))
        found = bring.problems(store)
    if as_json:
        rows = [{"name": one.name, "problem": one.says} for one in found]
        typer.echo(json.dumps({"entries": count, "problems": rows}, indent=2))
    for one in () if as_json else found:
        typer.echo(f"{one.name}: {one.says}")
    if found:
        bad = len({one.name for one in found})
        raise StorageError(f"{bad} of {count} entries of the pool cannot be used as they are.")
    if not as_json:
        typer.echo(f"{count} entries, and nothing is wrong with them")
