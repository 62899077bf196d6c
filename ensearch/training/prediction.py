"""What a network predicts: its logits for images."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ensearch.training import data
from ensearch.training.data import Images
from ensearch.training.prefetch import OnHost


@torch.inference_mode()
def predict(
    model: nn.Module, x: torch.Tensor | OnHost, images: Images, batch_size: int
) -> npt.NDArray[np.float16]:
    """Logits N x C for uint8 images N x R x R x C; infinite where float16 cannot hold them.

    In float32 also on CUDA: bfloat16 has 8 bits, and outputs that it makes equal are ties.
    """
    model.eval()
    # A convolution on a GPU would multiply in TensorFloat-32, of 10 bits, if nobody forbade it.
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        logits = [
            model(data.as_input(data.normalise(batch, images), images))
            for batch in data.in_batches(x, batch_size, images.y_train.device)
        ]
    return torch.cat(logits).half().cpu().numpy()
