"""Members of an exported model on streams of a GPU: what waits for what, without a GPU."""

import pytest
import torch

from ensearch.exports._model import Model
from ensearch.families import wide_resnet
from tests.fake_gpu import Stream, fake_gpu

SHAPE = {"family": "wide_resnet", "width": 0.25, "depth": 10, "resolution": 8}
CONFIG = {
    "input": {"channels": 1, "mean": [120.0], "std": [60.0]},
    "members": [SHAPE] * 3,
    "classes": list("abcd"),
    "rule": "arithmetic",
}


def test_members_take_turns_on_streams_that_wait_for_the_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_on: list[object] = []
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, s: read_on.append(s))
    ran_on: list[object] = []
    with fake_gpu() as gpu, torch.no_grad():
        model = Model(CONFIG, {"wide_resnet": wide_resnet.build}).eval().to("cuda")
        for network in model.networks:
            network.register_forward_pre_hook(lambda *_: ran_on.append(gpu.streams[-1]))
        images = torch.zeros(2, 8, 8, 1, dtype=torch.uint8, device="cuda")
        (here,) = gpu.streams
        assert model(images).shape == (2, 4)
        assert (ran_on, read_on) == ([here] * 3, [])
        ran_on.clear()
        first, second = Stream(), Stream()
        model.streams = [first, second]  # type: ignore[list-item]
        gpu.syncs.clear()  # its weights were sent there
        probs = model(images)
        assert (probs.shape, probs.device.type) == ((2, 4), "cuda")
        assert ran_on == [first, second, first]
        assert (first.waited_for, second.waited_for) == ([here, here], [here])
        assert (here.waited_for, read_on) == ([first, second], [here] * 3)
        assert gpu.syncs == [], "nothing waits for the GPU before the answer is read"
