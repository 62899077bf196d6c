"""Everything that the first fifteen minutes on a GPU must show: see scripts/gpu_check.sh."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from scripts.gpu_check.steps import LAST, Step, steps

_LEAST = 10.0  # seconds for a step: less shows nothing


def run(step: Step, seconds: float, file: Path) -> str:
    """Run a step for at most so many seconds, its output into the file; return how it ended."""
    began = time.monotonic()
    with file.open("w") as output:
        output.write(f"$ python {' '.join(step.arguments)}\n# should show: {step.shows}\n")
        output.flush()
        process = subprocess.Popen(
            [sys.executable, *step.arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its workers end with it
        )
        try:
            code = process.wait(seconds)
            ended = "ok" if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            ended = "time over"
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return f"{step.name}: {ended} after {time.monotonic() - began:.0f} s ({file.name})"


def main() -> int:
    options = _parser().parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    summary, end = out / "summary.txt", time.monotonic() + 60 * options.minutes
    summary.write_text("")
    chosen = steps(str(out), options.data, options.small)
    bad = 0
    for number, step in enumerate(chosen, start=1):
        if options.only and not any(word in step.name for word in options.only):
            continue
        left = end - time.monotonic()
        limit = left if step.name == LAST else min(step.seconds, left)
        if limit < _LEAST:
            line = f"{step.name}: no time left"
        else:
            file = out / f"{number:02d}-{step.name.replace(' ', '-')}.txt"
            line = run(step, limit, file)
        bad += ": ok " not in line and step.name != LAST
        with summary.open("a") as kept:  # after every step: the machine may be gone at the next
            kept.write(line + "\n")
        print(line, flush=True)
    return min(bad, 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0], prog="gpu_check.sh")
    parser.add_argument("--out", type=Path, default=Path("gpu-check"), help="folder of results")
    parser.add_argument("--data", help="pictures, as `ensearch run --dataset`")
    parser.add_argument("--minutes", type=float, default=14.0, help="time in all")
    parser.add_argument("--small", action="store_true", help="tiny steps, on a CPU")
    parser.add_argument("--only", nargs="+", help="steps whose names have one of these words")
    return parser


if __name__ == "__main__":
    sys.exit(main())
