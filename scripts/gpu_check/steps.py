"""The steps of the check: what each runs, and for how long at most."""

from dataclasses import dataclass

STUDY = "gpu-check"
LAST = "study of pictures"  # gets the time that is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A program that is run for at most `seconds`; `shows` says what its output should show."""

    name: str
    arguments: tuple[str, ...]  # of the Python interpreter
    seconds: int
    shows: str


def steps(out: str, data: str | None, small: bool) -> list[Step]:
    """Return the steps, the most valuable first. `small` ones show in a minute that they run.

    `data` names a dataset for the recipe and the last study, without which they are left out.
    """
    fused = ("-m", "scripts.benchmarks.fused")
    device = "cpu" if small else "cuda"
    rows = ("10-0.25@8x2",) if small else ("16-1@32x8", "16-4@32x4")
    of = ("--members", "2", "--batch", "1", "--turns", "1", "--shrink", "8") if small else ()
    of_norms = (*of, "--batch", "2") if small else ()
    bits = ("--families", "wide_resnet", "--resolution", "8", "--batch", "4") if small else ()
    own = ("--dataset", "digits", "--device", device, "--storage", f"{out}/studies.db")
    digits = ("--limit-train", "200", "--epochs", "1", "--trials", "2") if small else ()
    # Without what other tests need; a warning of another PyTorch is no failure here.
    alone = ("--noconftest", "-c", "/dev/null", "--rootdir", ".", "-p", "no:cacheprovider")
    tests = ("tests/training/test_cuda.py", *alone)
    found = [
        Step(
            name="tests",
            arguments=("-m", "pytest", "-q", "-rs", "--durations=5", *tests),
            seconds=180,
            shows="every strategy trains the members that train alone; nothing is skipped",
        ),
        Step(
            name="convolutions",
            arguments=(*fused[:1], f"{fused[1]}.convolutions", *of),
            seconds=60,
            shows="whether grouped kernels are slow in NHWC: then fused NCHW or packed should win",
        ),
        Step(
            name="norms",
            arguments=(*fused[:1], f"{fused[1]}.norms", *of_norms),
            seconds=40,
            shows="joined norms: 1.3 to 1.6 times as fast as layers where pictures are 32 x 32",
        ),
        Step(
            name="strategies",
            arguments=(*fused, "--only", "throughput", "--quick", "--rows", *rows, "--out",
                       f"{out}/strategies.json"),
            seconds=150,
            shows="WRN-16-1, 8 members: 8 times one after another; 16-4, 4 members: 3 times",
        ),
        Step(
            name="bits",
            arguments=(*fused[:1], f"{fused[1]}.bits", "--members", "2" if small else "4", *bits),
            seconds=90,
            shows="same bits True everywhere, also with and without a recording",
        ),
        Step(
            name="memory",
            arguments=(*fused[:1], f"{fused[1]}.memory", *(
                ("--network", "0.25", "10", "--members", "2") if small else ())),
            seconds=60,
            shows="all trained, in groups that halve; the MiB do not grow from turn to turn",
        ),
        Step(
            name="plan of digits",
            arguments=("-m", "ensearch", "run", "--plan", "--budget", "2e6", *own, *digits),
            seconds=90,
            shows="the time that the next step should take, within a factor of 1.5",
        ),
        Step(
            name="study of digits",
            arguments=("-m", "ensearch", "run", "--budget", "2e6", "--study", STUDY, *own,
                       *digits),
            seconds=150,
            shows="a study that ends with an answer, trained on the GPU",
        ),
        Step(
            name="fused benchmark",
            arguments=(*fused, "--quick", "--minutes", "2", "--out", f"{out}/fused.json",
                       *(("--rows", *rows, "--only", "throughput") if small else ())),
            seconds=180,
            shows="WRN-28-10 at 30 % of the GPU's peak or more; members equal to those alone",
        ),
    ]  # fmt: skip
    if data is None:
        return found
    recipe = ("--epochs", "1" if small else "10", "--seeds", "1" if small else "2")
    networks = ("10-0.25",) if small else ("10-1", "16-2")
    limits = ("--limit-train", "200") if small else ()
    return [
        *found,
        Step(
            name="recipe",
            arguments=("-m", "scripts.benchmarks.recipe", "--data", data, "--device", device,
                       "--networks", *networks, "--recipes", "airbench", "ensearch", *recipe,
                       *limits, "--out", f"{out}/recipe.jsonl"),
            seconds=120,
            shows="accuracy of ensearch's schedule beside the published one's",
        ),
        Step(
            name=LAST,
            arguments=("-m", "ensearch", "run", "--budget", "4e5" if small else "64M",
                       "--dataset", data, "--device", device, "--storage", f"{out}/studies.db",
                       "--study", f"{STUDY}-pictures",
                       *(("--epochs", "1", "--trials", "2", *limits) if small else ())),
            seconds=600,
            shows="a study of real pictures; what it has when the time is over is kept",
        ),
    ]  # fmt: skip
