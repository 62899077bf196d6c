"""What a killed member needs to go on: network, momentum, losses so far; one file.

The file holds safetensors, and behind them their SHA-256: with a changed bit another member would
go on. Those of earlier versions lack it, and are begun anew.

The driver deletes it, by `Store.discard_checkpoint`, once the outcome of the member is recorded.
Training leaves the file alone, since between its end and the recording the driver may die, and
then hours of training would be gone.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from ensearch.files import atomic
from ensearch.training.state import State, plain, tensors

_HEADER = "ensearch"
_LENGTH = hashlib.sha256().digest_size


def save(path: Path, key: str, state: State) -> None:
    """Write the state of the member `key`, replacing the file whole. Raises OSError."""
    head = json.dumps(
        {
            "member": key,
            "losses": state.losses,
            "seconds": state.seconds,
            "strategies": state.strategies,
        }
    )
    content = to_bytes(plain(tensors(state)), metadata={_HEADER: head})
    # A folder that has vanished is not made anew.
    atomic.write(path, content + _digest(content), parents=False)


@torch.no_grad()
def resume(path: Path, key: str, state: State) -> None:
    """Set a fresh state to where the checkpoint of member `key` left off, if there is one.

    A checkpoint of another member is ignored; a damaged one is deleted.
    """
    if not path.is_file():  # a pipe might never end
        return
    try:
        whole = path.read_bytes()
        content, kept = whole[:-_LENGTH], whole[-_LENGTH:]
        if _digest(content) != kept:
            raise ValueError("it holds something else than was written to it")
        head = json.loads(_metadata(content)[_HEADER])
        saved = from_bytes(content)
        member, losses, seconds = head["member"], list(head["losses"]), float(head["seconds"])
        strategies = list(head.get("strategies", []))  # earlier versions wrote none
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
    state.losses, state.seconds, state.strategies = losses, seconds, strategies


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _metadata(content: bytes) -> dict[str, str]:
    """The texts of a safetensors file, whose header is JSON behind its length in 8 bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8:end])["__metadata__"]
    return found


def _shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
