"""Files of weights that somebody made: what is loaded, what is refused and how that is said."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ensearch.errors import UsageError
from ensearch.families import _checkpoints as families_checkpoints


def model(classes: int = 3, width: int = 4) -> nn.Module:
    torch.manual_seed(classes + width)
    return nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.Linear(width, classes))


class Trap:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("wrap", ["plain", "state_dict", "module", "nested", "safetensors"])
def test_weights_come_as_programs_keep_them(tmp_path: Path, wrap: str) -> None:
    content: Any = model().state_dict()
    content["0.weight"] = torch.full((4, 5), 7.0)
    path = tmp_path / ("w.safetensors" if wrap == "safetensors" else "w.pth")
    if wrap == "safetensors":
        save_file(content, path)
    else:
        if wrap in ("module", "nested"):
            content = {f"module.{name}": tensor for name, tensor in content.items()}
        if wrap in ("state_dict", "nested"):
            content = {"epoch": 3, "state_dict": content, "arch": "mine"}
        if wrap == "nested":
            content = {"model": content, "optimizer": {"lr": 0.1}}
        torch.save(content, path)
    own = model()
    families_checkpoints.load_into(own, path, 3)
    assert bool((own.state_dict()["0.weight"] == 7).all())
    assert families_checkpoints.digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (model(5).state_dict(), "tells 5 classes apart, the dataset has 3"),
        (model(3, 6).state_dict(), "of another size: 7 differ (0.weight (6, 5) for (4, 5)"),
        ({"a": torch.ones(2)}, "1 unexpected (a)"),
        ({"a": torch.ones(2)}, "9 missing (0.weight, 0.bias, 1.weight and 6 more)"),
        ({}, "holds no weights by name"),
        (torch.ones(3), "holds no weights by name"),
        ({"weights": 3}, "no tensors (1 such (weights))"),
    ],
)
def test_other_weights_are_refused(tmp_path: Path, content: object, says: str) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    own = model()
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    with pytest.raises(UsageError) as caught:
        families_checkpoints.load_into(own, path, 3)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert all(torch.equal(tensor, before[n]) for n, tensor in own.state_dict().items())


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for name, save in (("a.pth", torch.save), ("b.pkl", _pickled)):
        path = tmp_path / name
        save({"state_dict": Trap(made)}, path)
        with pytest.raises(UsageError, match="nothing is unpickled"):
            families_checkpoints.load_into(model(), path, 3)
        assert not made.exists()


def _pickled(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    for name in ("w.safetensors", "w.pth"):
        path = tmp_path / name
        with pytest.raises(UsageError, match="cannot be read"):
            families_checkpoints.load_into(model(), path, 3)
        with pytest.raises(UsageError, match="Check the path"):
            families_checkpoints.digest(path)
        for content in (b"", b"weights", bytes(1000)):
            path.write_bytes(content)
            with pytest.raises(UsageError, match=name):
                families_checkpoints.load_into(model(), path, 3)


@pytest.mark.parametrize("new_form", [True, False])
def test_a_file_that_was_cut_short_is_called_damaged(tmp_path: Path, new_form: bool) -> None:
    path = tmp_path / "w.pth"
    content = {"0.weight": torch.ones(300, 300)}
    torch.save(content, path, _use_new_zipfile_serialization=new_form)
    whole = path.read_bytes()
    for size in (2000, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:size])
        with pytest.raises(UsageError, match=f"w.pth: is damaged or cut short.*{size:,} bytes"):
            families_checkpoints.load_into(model(), path, 3)


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"0.weight": torch.ones(300, 300)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"w\.pth: is damaged: w/data/0 has another checksum"):
        families_checkpoints.load_into(model(), path, 3)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    content = model().state_dict()
    content["2.bias"][1] = float("nan")
    torch.save(content, tmp_path / "w.pth")
    own = model()
    with pytest.raises(UsageError, match=r"NaN or infinite \(1 such \(2.bias\)\)"):
        families_checkpoints.load_into(own, tmp_path / "w.pth", 3)
    assert bool(own.state_dict()["2.bias"].isfinite().all())


def kinds() -> dict[str, Any]:
    """State dicts with one tensor that is no plain numbers, by what is said of it."""
    whole = model().state_dict()
    weight = whole["0.weight"]
    return {
        "0.weight holds no values": whole | {"0.weight": weight.to("meta")},
        "0.weight holds a sparse tensor": whole | {"0.weight": weight.to_sparse()},
        "0.weight holds complex numbers": whole | {"0.weight": weight.to(torch.complex64)},
        "0.weight holds numbers of 8 bits": whole | {"0.weight": weight.to(torch.float8_e4m3fn)},
        "whole numbers (1 such (0.weight))": whole | {"0.weight": weight.to(torch.int8)},
        "names that are no text (1 such (7))": whole | {7: weight},
        "things that are no tensors (1 such (inner))": whole | {"inner": {"0.weight": weight}},
        "no weights by name": [weight],
    }


@pytest.mark.parametrize("says", kinds())
def test_tensors_of_other_kinds_are_named(tmp_path: Path, says: str) -> None:
    path = tmp_path / "w.pth"
    torch.save(kinds()[says], path)
    with pytest.raises(UsageError) as caught:
        families_checkpoints.load_into(model(), path, 3)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_archives_cut_anywhere_are_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save(model().state_dict(), path)
    else:
        save_file(model().state_dict(), path)
    content = path.read_bytes()
    for share in (0, 0.001, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(UsageError, match=r"damaged|holds more than tensors"):
            families_checkpoints.load_into(model(), path, 3)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        families_checkpoints.load_into(model(), path, 3)
