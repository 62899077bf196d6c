"""A file of weights that somebody made -> a model that has them. Nothing is unpickled.

safetensors, or what torch.save makes of tensors and plain containers (`weights_only`).
"""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ensearch.errors import UsageError
from ensearch.files import regular_file, sha256
from ensearch.units import few

# Keys under which training programs keep the weights, beside an optimizer's state and other things.
INSIDE = ("state_dict_ema", "state_dict", "model_ema", "model_state_dict", "model")
Weights = Mapping[str, torch.Tensor]  # by name


def digest(path: Path) -> str:
    """16 hexadecimal digits of the file's content. Raises UsageError if it cannot be read."""
    try:
        regular_file.check(path)
        return sha256.of_file(path)[:16]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error


def load_into(model: nn.Module, path: Path, classes: int) -> None:
    """Give `model`, whose output has `classes`, the weights of the file.

    Raises UsageError where they are not its own: what is missing, what it has no place for, and
    what has another shape.
    """
    weights, wanted = _read(path), model.state_dict()
    _check_shapes(path, weights, wanted, classes)
    _check_numbers(path, weights, wanted)
    model.load_state_dict(weights)


def _check_shapes(path: Path, weights: Weights, wanted: Weights, classes: int) -> None:
    apart = {
        name: (tuple(tensor.shape), tuple(wanted[name].shape))
        for name, tensor in weights.items()
        if name in wanted and tensor.shape != wanted[name].shape
    }
    missing = [name for name in wanted if name not in weights]
    unexpected = [name for name in weights if name not in wanted]
    if missing or unexpected:
        raise UsageError(
            f"{path}: these are weights of another model: {_some('missing', missing)}; "
            f"{_some('unexpected', unexpected)}. Name the model they were trained as."
        )
    heads = {shape[0] for shape, own in apart.values() if own[:1] == (classes,)}
    heads &= {shape[0] for shape, own in apart.values() if shape[1:] == own[1:]}
    if len(heads) == 1 and all(own[:1] == (classes,) for _, own in apart.values()):
        raise UsageError(
            f"{path}: this model tells {heads.pop()} classes apart, the dataset has {classes}. "
            "Give weights that were trained on the classes of the dataset."
        )
    if apart:
        shapes = [f"{name} {shape} for {own}" for name, (shape, own) in apart.items()]
        raise UsageError(
            f"{path}: these are weights of a model of another size: {_some('differ', shapes)}. "
            "Name the model they were trained as."
        )


def _check_numbers(path: Path, weights: Weights, wanted: Weights) -> None:
    whole = [
        name
        for name, tensor in weights.items()
        if wanted[name].is_floating_point() and not tensor.is_floating_point()
    ]
    if whole:
        raise UsageError(
            f"{path}: weights are whole numbers ({_some('such', whole)}), which mean nothing "
            "without their scales. Save the weights as plain float32, float16 or bfloat16."
        )
    broken = [name for name, tensor in weights.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise UsageError(
            f"{path}: weights are NaN or infinite ({_some('such', broken)}), so its predictions "
            "would be too. Take a checkpoint from before training diverged."
        )


def _some(what: str, names: list[str]) -> str:
    """How many names there are, with the first few: 5 missing (a, b, c and 2 more)."""
    if not names:
        return f"nothing is {what}"
    return f"{len(names)} {what} ({few(names, shown=3)})"


def _is_torn(path: Path, error: Exception) -> bool:
    """Whether torch.save wrote the file, but its end is missing.

    For such files torch says "failed finding central directory" (an archive), "unexpected EOF" or
    nothing (its older form), and the system has said "Invalid argument".
    """
    with path.open("rb") as file:
        is_archive = file.read(4) == b"PK\x03\x04"
    whole = is_archive and zipfile.is_zipfile(path)
    return not whole and (
        is_archive or isinstance(error, OSError | EOFError) or "unexpected EOF" in str(error)
    )


def _check_sums(path: Path) -> None:
    """Raise UsageError where a part of an archive has another checksum: torch does not look."""
    if not zipfile.is_zipfile(path):  # its older form has none
        return
    try:
        with zipfile.ZipFile(path) as archive:
            changed = archive.testzip()
    except Exception as error:  # of several kinds, from zipfile and zlib
        changed = str(error)
    if changed is not None:
        raise UsageError(
            f"{path}: is damaged: {changed} has another checksum than was kept when it was saved "
            "(or none was, by torch.serialization.set_crc32_options(False)). Copy or download it "
            "again, or save it again."
        )


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of the file, by name. Raises UsageError if it holds anything else."""
    content = _content(path)
    _check_sums(path)
    while isinstance(content, Mapping):
        inside = next((content[k] for k in INSIDE if isinstance(content.get(k), Mapping)), None)
        if inside is None:
            break
        content = inside
    if not isinstance(content, Mapping) or not content:
        raise UsageError(f"{path}: holds no weights by name. Save model.state_dict().")
    odd = [str(key) for key, value in content.items() if not isinstance(value, torch.Tensor)]
    if odd:
        raise UsageError(
            f"{path}: holds things that are no tensors ({_some('such', odd)}). Save "
            "model.state_dict() alone."
        )
    _check_kinds(path, content)
    # Programs that train on several devices put this in front of every name.
    prefix = "module."
    return {
        str(key).removeprefix(prefix) if all(str(k).startswith(prefix) for k in content) else key: v
        for key, v in content.items()
    }


def _content(path: Path) -> Any:
    """What the file holds. Raises UsageError if it cannot be read without unpickling."""
    try:
        regular_file.check(path)
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():  # of kinds of tensors that are refused below
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UsageError(f"{path}: is damaged or no safetensors file ({error}).") from error
    except Exception as error:
        if _is_torn(path, error):
            raise UsageError(
                f"{path}: is damaged or cut short. Copy or download it again, and compare its size "
                f"({path.stat().st_size:,} bytes here)."
            ) from error
        # weights_only raises UnpicklingError for objects, and much else for files of other kinds.
        raise UsageError(
            f"{path}: holds more than tensors, or is no file of torch.save; nothing is unpickled, "
            "because that could run any code. Save model.state_dict(), or a .safetensors file."
        ) from error


def _check_kinds(path: Path, content: Mapping[Any, torch.Tensor]) -> None:
    """Raise UsageError for names that are no text and tensors that are no plain numbers."""
    if not all(isinstance(key, str) for key in content):
        numbers = [repr(key) for key in content if not isinstance(key, str)]
        raise UsageError(
            f"{path}: weights have names that are no text ({_some('such', numbers)}). Save "
            "model.state_dict()."
        )
    for name, tensor in content.items():
        kind = _odd_kind(tensor)
        if kind:
            raise UsageError(
                f"{path}: {name} holds {kind}. Save the weights as plain float32, float16 or "
                "bfloat16."
            )


def _odd_kind(tensor: torch.Tensor) -> str:
    """What a tensor holds that no model is given, "" if it holds numbers."""
    if tensor.is_meta:
        return "no values, only their shape (a meta tensor)"
    if tensor.layout != torch.strided:
        return f"a sparse tensor ({tensor.layout})"
    if tensor.is_quantized:
        return f"quantized numbers ({tensor.dtype})"
    if tensor.is_complex():
        return f"complex numbers ({tensor.dtype})"
    if tensor.is_floating_point() and tensor.element_size() == 1:
        return f"numbers of 8 bits ({tensor.dtype}), which mean nothing without their scales"
    return ""
