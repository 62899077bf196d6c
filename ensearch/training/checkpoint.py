"""What a killed member needs to go on: network, momentum, losses so far; one safetensors file.

The driver deletes it, by `Store.discard_checkpoint`, once the outcome of the member is recorded.
Training leaves the file alone, since between its end and the recording the driver may die, and
then hours of training would be gone.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from ensearch import atomic
from ensearch.training.state import State, plain, tensors

_HEADER = "ensearch"


def save(path: Path, key: str, state: State) -> None:
    """Write the state of the member `key`, replacing the file whole. Raises OSError."""
    head = json.dumps({"member": key, "losses": state.losses, "seconds": state.seconds})
    content = to_bytes(plain(tensors(state)), metadata={_HEADER: head})
    atomic.write(path, content, parents=False)  # a folder that has vanished is not made anew


@torch.no_grad()
def resume(path: Path, key: str, state: State) -> None:
    """Set a fresh state to where the checkpoint of member `key` left off, if there is one.

    A checkpoint of another member is ignored; a damaged one is deleted.
    """
    if not path.is_file():  # a pipe might never end
        return
    try:
        with safe_open(path, framework="pt") as file:
            head = json.loads((file.metadata() or {})[_HEADER])
            saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        member, losses, seconds = head["member"], list(head["losses"]), float(head["seconds"])
    except FileNotFoundError:
        return
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        path.unlink(missing_ok=True)
        return
    if member != key:
        return
    targets = tensors(state)
    if _shapes(saved) != _shapes(targets):  # written by another release of the family
        path.unlink(missing_ok=True)
        return
    for name, target in targets.items():
        target.copy_(saved[name])
    state.losses, state.seconds = losses, seconds


def _shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
