"""model.py and predict.py as text: they need no ensearch, and build what the families build."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ensearch import families
from ensearch.core import Architecture
from ensearch.errors import UsageError
from ensearch.exports import code, source
from ensearch.training import data
from tests.networks import NAMES, architecture, built

PLUGIN = '''"""A family that somebody added, whose names are those of the exported program."""

import math

from torch import nn

from ensearch.core import Architecture, Range
from {helper} import scaled

SUMMARY, ARGUMENT, MIN_RESOLUTION = "it doubles", "", 1
WIDTHS = DEPTHS = Range(low=1, high=2, step=1)
# Nothing that is built reads it.
FACTOR = 2


class Model(nn.Module):
    def __init__(self, side: int, channels: int, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(side * side * channels, classes)

    def forward(self, x):
        return self.head(x.flatten(1)) * scaled(math.sqrt(4))


def load() -> None:
    raise NotImplementedError


def build(architecture: Architecture, channels: int, classes: int) -> nn.Module:
    if channels < 1:
        load()
    return Model(architecture.resolution, channels, classes)
'''
HELPER = "def scaled(value):\n    return 2 * value\n"


def loaded(text: str, folder: Path, name: str = "exported") -> ModuleType:
    """The module of a text, which must not import ensearch."""
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(n.startswith("ensearch") for n in names)
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def config(shapes: list[Architecture], **changes: Any) -> dict[str, Any]:
    members = [
        {"family": s.family, "width": s.width, "depth": s.depth, "resolution": s.resolution}
        for s in shapes
    ]
    inputs = {"channels": 3, "mean": [100.0, 110.0, 120.0], "std": [50.0, 60.0, 70.0]}
    classes = [f"class {k}" for k in range(7)]
    return {"members": members, "input": inputs, "classes": classes, "rule": "arithmetic"} | changes


def expected(networks: list[torch.nn.Module], images: torch.Tensor) -> torch.Tensor:
    given = config([])["input"]
    x = (images.float() - torch.tensor(given["mean"])) / torch.tensor(given["std"])
    rows = [network.eval()(x.permute(0, 3, 1, 2)).softmax(1) for network in networks]
    return torch.stack(rows).mean(0)


def images_of(side: int, count: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", NAMES)
def test_a_copied_family_gives_the_same_probabilities(name: str, tmp_path: Path) -> None:
    shape = architecture(name)
    written = code.source_of([shape], "test")
    assert set(written.packages) <= {"torch", "timm"}
    module = loaded(written.text, tmp_path)
    model = module.Model(config([shape, shape]), module.BUILDERS).eval()
    networks = [built(shape, seed=0), built(shape, seed=1)]
    with torch.no_grad():
        for own, network in zip(model.networks, networks, strict=True):
            # Some networks begin with zeros, so that every image would get the same.
            for parameter in network.parameters():
                parameter.add_(0.01)
            own.load_state_dict(network.state_dict())
        images = images_of(shape.resolution)
        torch.testing.assert_close(model(images), expected(networks, images))
        torch.testing.assert_close(model(images, members=1), expected(networks[:1], images))
    with pytest.raises(ValueError, match="there are 2 members; got members=3"):
        model(images, members=3)


def test_families_with_equal_names_stand_side_by_side(tmp_path: Path) -> None:
    shapes = [architecture("resnet_cifar"), architecture("wide_resnet")]
    text = code.source_of(shapes, "mixed").text
    assert text.count("class Block(nn.Module):") == 2
    module = loaded(text, tmp_path)
    model = module.Model(config(shapes), module.BUILDERS).eval()
    networks = [built(shape, seed=k) for k, shape in enumerate(shapes)]
    for own, network in zip(model.networks, networks, strict=True):
        own.load_state_dict(network.state_dict())
    with torch.no_grad():
        images = images_of(32)
        torch.testing.assert_close(model(images), expected(networks, images))


def test_the_geometric_mean_is_the_softmax_of_mean_logits(tmp_path: Path) -> None:
    shape = architecture("wide_resnet")
    module = loaded(code.source_of([shape], "test").text, tmp_path)
    model = module.Model(config([shape, shape], rule="geometric"), module.BUILDERS).eval()
    with torch.no_grad():
        images = images_of(32)
        given = config([])["input"]
        x = (images.float() - torch.tensor(given["mean"])) / torch.tensor(given["std"])
        logits = torch.stack([network(x.permute(0, 3, 1, 2)) for network in model.networks])
        torch.testing.assert_close(model(images), logits.mean(0).softmax(1))


def test_images_of_another_size_are_resized_as_in_training(tmp_path: Path) -> None:
    shape = architecture("wide_resnet")
    module = loaded(code.source_of([shape], "test").text, tmp_path)
    model = module.Model(config([shape]), module.BUILDERS).eval()
    given = config([])["input"]
    images = images_of(48)
    trained_on = data.Images(
        x_train=images,
        y_train=torch.zeros(len(images)),
        to_predict={},
        mean=torch.tensor(given["mean"]),
        std=torch.tensor(given["std"]),
        classes=7,
        reads_at=shape.resolution,
    )
    with torch.no_grad():
        read = data.as_input(data.normalise(images, trained_on), trained_on)
        torch.testing.assert_close(model(images), model.networks[0](read).softmax(1))
        plain = torch.full((1, 48, 40, 3), 90, dtype=torch.uint8)
        torch.testing.assert_close(model(plain), model(plain[:, :32, :32]))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which families are read too, and their shared parts."""
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("ensearch.families.zz")]:
        del sys.modules[name]


def test_a_family_that_a_user_adds_is_copied_with_its_parts(plugin: Path, tmp_path: Path) -> None:
    (plugin / "_zz_parts.py").write_text(HELPER)
    (plugin / "zzmine.py").write_text(PLUGIN.format(helper="ensearch.families._zz_parts"))
    shape = Architecture(family="zzmine", width=1, depth=1, resolution=4)
    written = code.source_of([shape], "mine")
    assert "FACTOR" not in written.text
    module = loaded(written.text, tmp_path)
    model = module.Model(config([shape]), module.BUILDERS).eval()
    network = model.networks[0]
    images = images_of(4)
    with torch.no_grad():
        torch.testing.assert_close(model(images), expected([network], images))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("from ensearch.families import _layers", "as a whole or under another name"),
        ("from ensearch.core import Architecture as Shape", "as a whole or under another name"),
    ],
)
def test_what_cannot_be_copied_is_named(plugin: Path, line: str, says: str) -> None:
    name = line.split()[-1]
    (plugin / "zzodd.py").write_text(f'"""Odd."""\n\n{line}\n\n\ndef build(a, b, c):\n    {name}\n')
    with pytest.raises(UsageError, match=says):
        source.gather([("ensearch.families.zzodd", "build")])


def test_an_import_at_run_time_is_named(plugin: Path) -> None:
    (plugin / "zzlate.py").write_text("def build(a):\n    from ensearch import core\n    core\n")
    with pytest.raises(UsageError, match="imports ensearch when it runs"):
        source.gather([("ensearch.families.zzlate", "build")])


def test_what_is_not_defined_at_the_top_is_named(plugin: Path) -> None:
    (plugin / "zznone.py").write_text("globals()['build'] = print\n")
    with pytest.raises(UsageError, match="zznone defines no 'build' at its top level"):
        source.gather([("ensearch.families.zznone", "build")])


def test_predict_py_is_a_program_without_ensearch(tmp_path: Path) -> None:
    module = loaded(code.predict_source(), tmp_path, "predict")
    assert module.main(tmp_path, ["nothing.png"]) == 2
