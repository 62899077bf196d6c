"""Recording a step as a CUDA graph, without leaving the process in a state that nobody expects."""

from collections.abc import Callable

import torch

# Steps before a graph is recorded: libraries choose algorithms and take memory in the first ones.
WARM_UP = 3
# Times the memory of a step that must be free to record one: a graph has memory of its own, and an
# allocation that fails within a recording is reported as whatever else went wrong then.
_MARGIN = 1.2


class RecordingFailedError(RuntimeError):
    """A recording began and did not end well: CUDA may answer anything in this process now."""


def record(step: Callable[[], None], rewind: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """The step as a graph; it is computed a few times before, each after a call of `rewind`.

    Raises OutOfMemoryError if the memory would not suffice, before the recording begins, and
    RecordingFailedError if that failed. The current stream is then the one before.
    """
    before, stream = torch.cuda.current_stream(), new_stream()
    stream.wait_stream(before)
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    # On the stream of the recording: a gradient is added up where its weight was first used.
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            rewind()
            step()
    torch.cuda.synchronize()
    needed = torch.cuda.max_memory_allocated() - held
    torch.cuda.empty_cache()  # what the warm-up left there is of no use to the graph
    free = free_memory()
    if free < _MARGIN * needed:
        raise torch.OutOfMemoryError(
            f"a step needs {needed / 2**20:.0f} MiB, and of the GPU's memory {free / 2**20:.0f} "
            "MiB are free to record it in"
        )
    graph = torch.cuda.CUDAGraph()
    try:
        # What other threads ask of CUDA meanwhile is theirs.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            step()
    except Exception as error:
        # An end of the recording that fails leaves its stream current.
        torch.cuda.set_stream(before)
        raise RecordingFailedError(
            f"recording a step failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        ) from error
    return graph


def free_memory() -> float:
    """Bytes of the GPU that this process may still take, besides those that PyTorch holds."""
    free, total = torch.cuda.mem_get_info()
    share: float = torch.cuda.get_per_process_memory_fraction()
    return min(free, share * total - torch.cuda.memory_reserved())


def new_stream() -> torch.cuda.Stream:
    """A stream of its own."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]
