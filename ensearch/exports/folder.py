"""The files of an exported model: their folder has its name once they are shown to be right."""

import json
import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as to_bytes

from ensearch import families
from ensearch.errors import EnsearchError, StorageError, invalid
from ensearch.exports import card, code, onnx_file, stored_members, verification
from ensearch.exports._model import Model
from ensearch.exports.verification import Verified
from ensearch.exports.winner import Winner
from ensearch.pool.notes import OnNote
from ensearch.store import Store

FORMAT = 1  # of config.json
TORCH = ">=2.9"  # that ensearch needs, and model.py no other


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A folder that was written: bytes of its files by name, and how it was verified."""

    folder: Path
    files: dict[str, int]
    verified: Verified


def write(
    store: Store,
    chosen: Winner,
    out: Path,
    *,
    onnx: bool,
    pt2: bool,
    on_note: OnNote,
    on_progress: OnNote,
) -> Written:
    """Write the folder `out`, which is there when all is shown to be right, or not at all.

    Raises UsageError if it is there already, StorageError if weights cannot be read, or if the
    exported model predicts something else than is stored, EnsearchError if it does not run.
    """
    if out.exists():
        raise invalid("out", f"must name a folder that is not there yet; {out} is.")
    with _made(out) as folder:
        settings = config(chosen)
        source = code.model_source(chosen)
        settings["requires"] = requirements(source.packages)
        model = loaded(store, chosen, settings)
        _write_json(folder / "config.json", settings)
        _write_weights(folder / "weights.safetensors", model, settings)
        (folder / "model.py").write_text(source.text, encoding="utf-8")
        (folder / "predict.py").write_text(code.predict_source(), encoding="utf-8")
        has_onnx = onnx and _write_onnx(folder, model, chosen, settings, on_note, on_progress)
        has_pt2 = pt2 and chosen.cascade is None
        if pt2 and not has_pt2:
            on_note("without model.pt2: a program has no batches that shrink")
        if has_pt2:
            on_progress("writing model.pt2")
            onnx_file.write_pt2(model, chosen.sample, folder / "model.pt2")
        on_progress("comparing it with the stored predictions")
        verified = verification.verify(folder, chosen, onnx=has_onnx)
        settings["verified"] = asdict(verified)
        _write_json(folder / "config.json", settings)
        text = card.text(chosen, settings, verified, onnx=has_onnx, pt2=has_pt2)
        (folder / "README.md").write_text(text, encoding="utf-8")
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    return Written(folder=out, files=sizes, verified=verified)


@contextmanager
def _made(out: Path) -> Iterator[Path]:
    """A folder beside `out` that gets its name at the end, and is gone after an error."""
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(out)
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def config(chosen: Winner) -> dict[str, Any]:
    """Return what config.json holds, without what is known only later."""
    sample, whole, cascade = chosen.sample, chosen.whole, chosen.cascade
    return {
        "format": FORMAT,
        "title": chosen.title,
        "study": chosen.study,
        "stage": chosen.stage,
        "classes": list(chosen.classes),
        "input": {
            "channels": sample.channels,
            "resolution": sample.resolution,
            "mean": list(sample.mean),
            "std": list(sample.std),
            "crop": sample.crop,
            "spread": None if sample.spread is None else list(sample.spread),
        },
        "rule": chosen.rule,
        "members": [
            {
                **asdict(record.member.architecture),
                "key": record.member.key,
                "seed": record.member.seed,
                "study": record.study,
                "stage": record.stage,
                "learned_from": list(record.member.distillation.teachers)
                if record.member.distillation
                else None,
                "multiply_adds": record.cost.macs,
                "parameters": record.cost.params,
            }
            for record in chosen.members
        ],
        "cascade": cascade
        and {
            "measure": cascade.measure,
            "thresholds": list(cascade.thresholds),
            "exits": list(cascade.exits),
            "accuracy_where_selected": cascade.accuracy,
        },
        "multiply_adds_per_example": chosen.macs,
        "multiply_adds_at_most": whole.macs,
        "parameters": whole.params,
        "accuracy": {
            "split": chosen.split,
            "images": chosen.images,
            **asdict(chosen.score),
            "by_members": [
                {"members": p.members, "multiply_adds": p.macs, "parameters": p.params}
                | asdict(p.score)
                for p in chosen.prefixes
            ],
            "estimate": chosen.estimate,
        },
        "milliseconds": [asdict(times) for times in chosen.times],
        "data": chosen.data,
        "fingerprint": chosen.members[0].member.dataset,
        "schedules": [asdict(schedule) for schedule in chosen.schedules],
        "versions": {name: version(name) for name in ("ensearch", "torch", "numpy", "safetensors")}
        | {"python": platform.python_version()},
        "trained_with": chosen.environment,
    }


def requirements(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the packages that model.py imports, with their versions.

    PyTorch's layers last; what another package builds may change from one version to the next.
    """
    return {name: TORCH if name == "torch" else f"=={version(name)}" for name in packages}


def loaded(store: Store, chosen: Winner, settings: dict[str, Any]) -> Model:
    """Return the model in memory with its stored weights. Raises StorageError."""
    names = {record.member.architecture.family for record in chosen.members}
    builders = {name.partition(":")[0]: families.get(name).build for name in names}
    with torch.random.fork_rng(devices=[]):
        model = Model(settings, builders)
    for record, network in zip(chosen.members, model.networks, strict=True):
        try:
            network.load_state_dict(stored_members.weights(store, record))
        except RuntimeError as error:
            raise StorageError(
                f"the weights of member {record.member.key} ({record.member.architecture.key}) do "
                f"not fit its network: {str(error).strip().splitlines()[-1].strip()}. They are "
                "damaged, or its family is of another version than then.",
                problem="export_differs",
                member=record.member.key,
                study=chosen.study,
            ) from error
    return model.eval().requires_grad_(requires_grad=False)


def _write_weights(path: Path, model: Model, settings: dict[str, Any]) -> None:
    facts = {key: value for key, value in settings.items() if value is not None}
    metadata = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
    tensors = {name: t.contiguous().clone() for name, t in model.state_dict().items()}
    path.write_bytes(to_bytes(tensors, metadata=metadata))


def _write_onnx(
    folder: Path,
    model: Model,
    chosen: Winner,
    settings: dict[str, Any],
    on_note: OnNote,
    on_progress: OnNote,
) -> bool:
    """Write model.onnx if it can be; whether it was."""
    lacking = onnx_file.missing()
    if lacking:
        on_note(
            f"without model.onnx, which needs {', '.join(lacking)}: install ensearch[export], "
            "which brings them"
        )
        return False
    on_progress("writing model.onnx")
    keys = ("title", "study", "classes", "input", "multiply_adds_per_example", "parameters")
    facts = {key: settings[key] for key in keys}
    try:
        onnx_file.write_onnx(model, chosen.sample, folder / "model.onnx", facts)
    except EnsearchError:
        raise
    except Exception as error:  # whatever a network does that ONNX has no words for
        first = (str(error) or type(error).__name__).strip().splitlines()[0]
        on_note(f"without model.onnx, because PyTorch cannot export this network: {first}")
        (folder / "model.onnx").unlink(missing_ok=True)
        return False
    return True


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, default=_plain, allow_nan=False, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.generic) else str(value)
