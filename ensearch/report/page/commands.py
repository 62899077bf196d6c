"""What a reader may type: the only place where a page names commands of the command line."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ensearch.report.study.findings import Findings
from ensearch.store import DEFAULT_URL
from ensearch.study.config import asked_for, budget_of

CONFIG = "study.toml"
# What a study file may say; the other keys of a configuration follow from the dataset.
_KEYS = (
    "budget",
    "budget_params",
    "budget_ms",
    "dataset",
    "limit_train",
    "val",
    "seeds",
    "seed",
    "rule",
    "sampler",
)


def export(findings: Findings, budget: float, storage: str) -> str:
    """Return the command that exports what is taken at a budget; empty where none can be named.

    Budgets of an export are in the unit of the study's own, and a search that is under way has none
    to take yet.
    """
    c = findings.conditions
    if findings.under_way or not c.is_own or c.stage != "search":
        return ""
    number = c.axis.show(budget)  # as tables show it, by which a budget may be asked for
    return f"ensearch export {shlex.quote(c.study)} --budget {number}{place(storage)}"


def settle(findings: Findings, storage: str) -> str:
    """Return the command that trains what would settle a study."""
    return f"ensearch settle {shlex.quote(findings.conditions.study)}{place(storage)}"


def place(storage: str) -> str:
    """Return what names a storage behind a command; nothing for the usual one of any folder."""
    usual = DEFAULT_URL.removeprefix("sqlite://")
    return "" if not storage or storage.endswith(usual) else f" --storage {shlex.quote(storage)}"


def again() -> str:
    """Return the command that runs a study again that `definition` describes."""
    return f"ensearch run --config {CONFIG}"


def definition(findings: Findings) -> str:
    """Return a study file in TOML that begins the same study elsewhere; empty if it is not known.

    A study of the same images gets the same numbers from it.
    """
    config = dict(findings.config)
    if "space" not in config or "schedule" not in config:
        return ""
    config |= asked_for(budget_of(config), findings.conditions.flops_per_mac)
    config["schedule"] = _schedule(config)
    if not isinstance(config.get("val"), int):
        config.pop("val", None)  # what is left over, as it is without a word
    lines = [f"study = {_value(findings.conditions.study)}"]
    lines += [f"{key} = {_value(config[key])}" for key in _KEYS if config.get(key) is not None]
    if findings.conditions.flops_per_mac != 1:
        lines.append(f"flops_per_mac = {findings.conditions.flops_per_mac}")
    if findings.trials_asked is not None:
        lines.append(f"trials = {findings.trials_asked}")
    for name in ("schedule", "space"):
        lines += ["", f"[{name}]"]
        table: Mapping[str, Any] = config[name]  # type: ignore[assignment]
        lines += [f"{key} = {_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines)


def _schedule(config: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule with its optimizer, which keys leave out, without what the space searches."""
    searched = config["space"].get("schedule", {})
    searched = searched | searched.get("muon", {})
    schedule = {"optimizer": "sgd"} | config["schedule"]
    return {field: value for field, value in schedule.items() if field not in searched}


def _value(value: Any) -> str:
    """A value in TOML, whose texts and numbers are written as in JSON."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {_value(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
