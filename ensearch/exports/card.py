"""The model card of an exported folder: README.md, in words for whoever gets the model."""

import textwrap
from typing import Any

from ensearch.core import Schedule
from ensearch.exports.verification import Verified
from ensearch.exports.winner import Winner
from ensearch.store import SEARCH
from ensearch.units import format_count

WIDTH = 100
# What `confidence` in model.py calls them.
MEASURES = {
    "max": "largest probability",
    "margin": "margin between the two largest probabilities",
    "entropy": "entropy, 1 being certain",
}


def text(
    chosen: Winner, settings: dict[str, Any], verified: Verified, *, onnx: bool, pt2: bool
) -> str:
    """Return README.md."""
    parts = [
        f"# {chosen.title}",
        _what(chosen),
        "## How good it is",
        _accuracy(chosen),
        _table(chosen),
        "## Use it",
        _usage(chosen, settings, onnx=onnx, pt2=pt2),
        "## Where it comes from",
        _origin(chosen, settings),
        "## Checked",
        _checked(chosen, verified),
        "## Limits",
        _limits(chosen, settings, onnx=onnx),
    ]
    return "\n\n".join(parts) + "\n"


def _what(chosen: Winner) -> str:
    size, whole = len(chosen.members), chosen.whole
    averaged = f"whose probabilities are averaged ({chosen.rule} mean)"
    kind = "A single network" if size == 1 else f"An ensemble of {size} networks, {averaged},"
    if chosen.cascade is not None:
        kind = f"A cascade of {size} networks"
    names = ", ".join(chosen.classes[:10]) + (", ..." if len(chosen.classes) > 10 else "")
    return _wrapped(
        f"{kind} that tells {len(chosen.classes)} classes apart: {names}. It costs "
        f"{chosen.macs:,.0f} multiply-adds for an image ({format_count(chosen.macs)} FLOPs, one "
        f"for a multiply-add) and has {whole.params:,} parameters."
    )


def _accuracy(chosen: Winner) -> str:
    if chosen.split == "val":
        bias = (
            "The configuration was selected on the same images, among others, so that this is "
            "optimistic"
        )
        estimate = chosen.estimate
        bias += f"; without that luck it is about {100 * estimate:.1f} %." if estimate else "."
    else:
        bias = "They took no part in training and in selecting the configuration."
    order = (
        "The members were taken in the order of their seeds, not of their accuracies."
        if chosen.cascade is None
        else "The members run in this order, the cheapest first."
    )
    score = chosen.score
    return _wrapped(
        f"It is right on {100 * score.accuracy:.2f} % [{100 * score.low:.2f}, "
        f"{100 * score.high:.2f}] of {chosen.images:,} images of {chosen.split} (95 % interval "
        f"over images, by Wilson). {bias} {order}"
    )


def _table(chosen: Winner) -> str:
    if len(chosen.members) == 1:
        alone = [_wrapped("It is a single network: there are no members to leave out.")]
        return "\n\n".join([*alone, *_times(chosen)])
    rows = [
        f"| {prefix.members} | {format_count(prefix.macs)} | {format_count(prefix.params)} | "
        f"{100 * prefix.score.accuracy:.2f} | {100 * prefix.score.low:.2f} to "
        f"{100 * prefix.score.high:.2f} |"
        + "".join(f" {times.told(prefix.members)} |" for times in chosen.times)
        for prefix in chosen.prefixes
    ]
    timed = "".join(f" ms@{times.batch} |" for times in chosen.times)
    heads = [
        f"| members | multiply-adds | parameters | accuracy, % | 95 % |{timed}",
        f"|---|---|---|---|---|{'---|' * len(chosen.times)}",
    ]
    parts = [
        _wrapped("With `model(images, members=k)` the first k members run, on all images:"),
        "\n".join([*heads, *rows]),
        *_times(chosen),
    ]
    return "\n\n".join([*([] if chosen.cascade is None else _exits(chosen)), *parts])


def _times(chosen: Winner) -> list[str]:
    """What was measured, and how; nothing where nobody did."""
    if not chosen.times:
        return []
    if len(chosen.members) == 1:
        each = " and ".join(f"{times.told(1)} ms@{times.batch}" for times in chosen.times)
        says = f"It takes {each}: milliseconds an image in batches of so many"
    else:
        batch = chosen.times[0].batch
        says = f"The times are milliseconds an image, ms@{batch} in batches of {batch}"
    guessed = not all(all(times.measured) for times in chosen.times)
    marked = " ≈ marks what follows from other numbers of members." if guessed else ""
    return [
        _wrapped(
            f"{says}, members one after another, without reading and resizing images, as the "
            f"networks were measured on {chosen.times[0].place}.{marked}"
        )
    ]


def _exits(chosen: Winner) -> list[str]:
    """When images leave a cascade."""
    cascade = chosen.cascade
    assert cascade is not None
    limits = [*(f"{threshold:.4f}" for threshold in cascade.thresholds), "all leave"]
    rows = [
        f"| {prefix.members} | {limit} | {100 * share:.1f} | {format_count(prefix.macs)} |"
        for prefix, limit, share in zip(chosen.prefixes, limits, cascade.exits, strict=True)
    ]
    return [
        _wrapped(
            "An image leaves with the average of the networks so far once that is sure enough, by "
            f"its {MEASURES[cascade.measure]}; the others go on to the next network."
        ),
        "\n".join(
            ["| after | sure from | images, % | multiply-adds |", "|---|---|---|---|", *rows]
        ),
    ]


def _spread(inputs: dict[str, Any]) -> str:
    """What predict.py makes of values that use a small part of their range."""
    if inputs["spread"] is None:
        return ""
    low, high = inputs["spread"]
    return (
        f" The images that it was trained on use {low:.4g} to {high:.4g} of a range of 0 to 1, "
        "which became 0 to 255; predict.py makes the same of 16-bit pictures and of floats."
    )


def _usage(chosen: Winner, settings: dict[str, Any], *, onnx: bool, pt2: bool) -> str:
    inputs = settings["input"]
    needs = " and ".join(f"{name}{v}" for name, v in settings["requires"].items())
    parts = [
        _wrapped(
            f"Input: uint8 images N x H x W x {inputs['channels']}, of any number and size. "
            "Normalisation, the resize to what the networks read and the averaging are inside. "
            f"Square images of {inputs['resolution']} pixels a side are what it was trained on; "
            f"others are stretched to a square.{_spread(inputs)} Output: N x "
            f"{len(chosen.classes)} probabilities, in the order of `classes` in config.json."
        ),
        f"From Python, with {needs}, in this folder:",
        _block(
            "python",
            "import torch",
            "from model import load",
            "",
            "model = load()",
            "probabilities = model(images)  # a uint8 tensor",
            "model.classes[int(probabilities[0].argmax())]",
        ),
    ]
    if onnx:
        one = " It takes one image at a time." if chosen.cascade is not None else ""
        parts += [
            f"By ONNX Runtime, in a server for example, without PyTorch.{one}",
            _block(
                "python",
                "import onnxruntime",
                "",
                'session = onnxruntime.InferenceSession("model.onnx")',
                'probabilities = session.run(None, {"images": images})[0]  # a uint8 array',
            ),
            "From C++, `input` being an `Ort::Value` of uint8, N x H x W x channels:",
            _block(
                "cpp",
                'Ort::Session session(env, "model.onnx", Ort::SessionOptions{});',
                'const char* in[] = {"images"};',
                'const char* out[] = {"probabilities"};',
                "auto result = session.Run(Ort::RunOptions{}, in, &input, 1, out, 1);",
            ),
        ]
    if pt2:
        parts.append(
            _wrapped(
                '`model.pt2` is the same as a program: `torch.export.load("model.pt2").module()` '
                "runs it without model.py."
            )
        )
    parts += [
        "Pictures, folders of pictures, .npz or .npy files, from a shell:",
        _block("", "python predict.py PICTURES > classes.csv"),
    ]
    if len(chosen.members) > 1 and chosen.cascade is None:
        parts.append(_wrapped("Its option `workers` runs members in several processes."))
    return "\n\n".join(parts)


def _origin(chosen: Winner, settings: dict[str, Any]) -> str:
    trained = "; by ".join(
        f"{'the search' if stage == SEARCH else f'{stage},'} of the study {study}"
        for study, stage in dict.fromkeys((r.study, r.stage) for r in chosen.members)
    )
    schedules = "; ".join(map(_schedule, chosen.schedules))
    versions = ", ".join(f"{name} {v}" for name, v in settings["versions"].items())
    learned = {len(d.teachers) for r in chosen.members if (d := r.member.distillation)}
    distilled = "".join(
        f" In place of labels it learned the mean probabilities of an ensemble of {size}."
        for size in learned
    )
    return _wrapped(
        f"{_selected(chosen)}It was trained by {trained} on {chosen.data} (fingerprint "
        f"{settings['fingerprint']}). Schedule: {schedules}.{distilled} Exported with {versions}. "
        "config.json has all of it, with the seeds."
    )


def _selected(chosen: Winner) -> str:
    """What selected the members, where it did not train them too."""
    if chosen.query:
        return f"It is of the entries of the pool that the query `{chosen.query}` selects. "
    if any(record.study != chosen.study for record in chosen.members):
        return f"It was selected by the study {chosen.study}. "
    return ""


def _schedule(schedule: Schedule) -> str:
    return ", ".join(f"{name} {value}" for name, value in schedule.content().items())


def _checked(chosen: Winner, verified: Verified) -> str:
    runs = " and ".join(f"{d:.1g} by {name}" for name, d in verified.differences.items())
    which = f"all {verified.images:,} images" if verified.whole else f"{verified.images:,} images"
    gone = f" The images themselves were not there: {chosen.gone}" if chosen.gone else ""
    return _wrapped(
        f"Before this folder got its name it was run in a process of its own on {which} of val. "
        "Its probabilities differ from those that were stored after training, rounded to float16, "
        f"by at most {runs}; it is right on {100 * verified.accuracy:.2f} % of them, the stored "
        f"predictions on {100 * verified.stored_accuracy:.2f} %.{gone}"
    )


def _limits(chosen: Winner, settings: dict[str, Any], *, onnx: bool) -> str:
    others = [name for name in settings["requires"] if name != "torch"]
    points = [
        "It gives one of its classes to every image, also to one that shows none of them.",
        "Its probabilities are not calibrated beyond what averaging does.",
        "FLOPs are not time: measure it where it will run.",
    ]
    stages = {record.stage for record in chosen.members}
    if SEARCH in stages:
        whose = "It was" if len(stages) == 1 else "Some of its networks were"
        points.append(
            f"{whose} trained by the short schedule of a search: retrained for longer it is mostly "
            "better."
        )
    if others:
        named = " and ".join(f"{name}{settings['requires'][name]}" for name in others)
        points.append(
            f"model.py builds its networks with {named}; with another version the weights may not "
            "fit, or mean something else." + " model.onnx needs none of it." * onnx
        )
    return "\n".join(_wrapped(f"- {point}", indent="  ") for point in points)


def _block(language: str, *lines: str) -> str:
    return "\n".join((f"```{language}", *lines, "```"))


def _wrapped(sentence: str, indent: str = "") -> str:
    return textwrap.fill(
        sentence, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
