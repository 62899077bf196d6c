"""What PyTorch is asked to compute, operator by operator, on the meta device."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class MultiplyAdds(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts those of convolutions and matrix products, by the formulas of torch's own counter.

    `FlopCounterMode` also keeps track of modules, which takes half of its time (19 to 54 of 37 to
    143 ms for three networks; no difference in what is counted) and fails on some models.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._flops = 0

    @property
    def count(self) -> int:
        return self._flops // 2  # the formulas count 2 for each

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self._flops += formula(*args, **(kwargs or {}), out_val=out)
        return out


class Unfilled(TorchFunctionMode):
    """Leaves new weights as they are: there is nothing to fill, and it takes half of a building."""

    _FILLS = frozenset({torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.fill_})

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in self._FILLS:
            return args[0]
        return func(*args, **(kwargs or {}))
