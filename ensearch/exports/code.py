"""The programs of an exported folder, model.py and predict.py."""

import inspect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ensearch import families
from ensearch.core import Architecture
from ensearch.exports import source
from ensearch.exports.source import Source
from ensearch.exports.winner import Winner

_MODEL, _PREDICT = "ensearch.exports._model", "ensearch.exports._predict"
_SHARED = ("ensearch.core",)  # modules whose code stands once, whoever needs it
_LOAD = '''

def load(folder: Path = Path(__file__).parent) -> Model:
    """Return the model of this folder with its weights, ready to predict."""
    return load_from(folder, BUILDERS)
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """The text of a model.py, and the packages from outside that it imports."""

    text: str
    packages: tuple[str, ...]


def model_source(chosen: Winner) -> ModelSource:
    """Return model.py: the code of the members' families, and what loads and averages them."""
    shapes = tuple(record.member.architecture for record in chosen.members)
    return source_of(shapes, chosen.title)


def source_of(shapes: Sequence[Architecture], title: str) -> ModelSource:
    """Return model.py of networks of these shapes. Raises UsageError as `source.gather` does."""
    # By name alone: a family NAME:ARGUMENT builds all its models by the same code.
    modules = {
        shape.family.partition(":")[0]: inspect.getmodule(families.get(shape.family).build)
        for shape in sorted(shapes, key=lambda shape: shape.family)
    }
    shared = source.gather([(_MODEL, "Model"), (_MODEL, "load_from")])
    own = {
        name: source.gather([(module.__name__, "build")], without=_SHARED)
        for name, module in modules.items()
        if module is not None
    }
    taken = set(shared.names) | {"load", "BUILDERS"}
    apart = len(own) > 1 or any(part.names & taken for part in own.values())
    blocks, builders = [], []
    for name, part in own.items():
        blocks.append(part.within(f"_{name}", "build") if apart else part.text)
        builders.append(f'    "{name}": {f"_{name}()" if apart else "build"},')
    table = "# The functions that build networks, by family.\nBUILDERS: dict[str, Builder] = {\n"
    packages = sorted({p for part in (shared, *own.values()) for p in part.packages})
    architecture, *rest = _architecture_first(shared)
    body = [architecture, *blocks, *rest, table + "\n".join(builders) + "\n}"]
    text = (
        f'"""{title}: builds, loads and runs the model of this folder.\n\n'
        "    import torch\n"
        "    from model import load\n\n"
        "    model = load()\n"
        "    probabilities = model(images)  # uint8 N x H x W x channels, as torch.uint8\n"
        "    faster = model(images, members=1)  # the first member alone\n\n"
        f"Needs {' and '.join(packages)}.\n"
        '"""\n\n' + "\n".join(_imports([shared, *own.values()])) + "\n\n\n" + "\n\n\n".join(body)
    )
    return ModelSource(text=text + "\n" + _LOAD, packages=tuple(packages))


def predict_source() -> str:
    """Return predict.py."""
    part = source.gather([(_PREDICT, "main")])
    return (
        '"""Classify pictures, folders of pictures, .npz or .npy files; CSV comes out.\n\n'
        "    python predict.py PICTURES > classes.csv\n\n"
        "Needs numpy and pillow, and onnxruntime (for model.onnx) or torch (for model.py).\n"
        '"""\n\n'
        + "\n".join(_imports([part]))
        + "\n\n\n"
        + part.text
        + '\n\n\nif __name__ == "__main__":\n'
        + "    sys.exit(main(Path(__file__).parent))\n"
    )


def _architecture_first(shared: Source) -> list[str]:
    """The shared definitions, that of Architecture before all others: families read it."""
    return sorted(shared.definitions, key=lambda text: "class Architecture:" not in text)


def _imports(parts: Sequence[Source]) -> list[str]:
    """Import lines, those of Python first, names of one module on one line."""
    plain, named = set[str](), defaultdict[str, set[str]](set)
    for line in (line for part in parts for line in part.imports):
        if line.startswith("from "):
            module, _, name = line.removeprefix("from ").partition(" import ")
            named[module].add(name)
        else:
            plain.add(line)
    lines = sorted(plain) + [f"from {m} import {', '.join(sorted(n))}" for m, n in named.items()]
    outside = [line for line in lines if source.is_outside(line)]
    inside = [line for line in lines if line not in outside]
    return [*inside, "", *sorted(outside, key=lambda line: line.startswith("from"))]
