"""How many operations a step of members in lockstep launches."""

import pytest

from scripts.benchmarks.fused.operations import of_a_step

# What a layer cannot do without.
LAYERS = {
    "convolution",
    "convolution_backward",
    "native_batch_norm",
    "native_batch_norm_backward",
    "relu_",
    "threshold_backward",
    "add",  # shortcuts, and their gradients
}


def test_what_is_not_a_layer_does_not_grow_with_the_network() -> None:
    """Before, each weight was converted by itself and each norm counted: 226 for WRN-16-1."""
    few, more = of_a_step("10-0.25", 2, "fused", 8), of_a_step("16-0.25", 2, "fused", 8)
    rest = [sum(n for name, n in c.items() if name not in LAYERS) for c in (few, more)]
    assert rest[0] == rest[1] <= 35
    assert few["_foreach_copy_"] == 2, "weights to bfloat16, gradients back"
    assert few["index_select"] == 4, "what is drawn, the rate, the pixels, the labels' targets"


def test_joined_norms_take_their_activations_and_sums_along() -> None:
    """For WRN-16-1 109 operations instead of 143."""
    pytest.importorskip("triton")
    plain, joined = (of_a_step("10-0.25", 2, "fused", 8, joined) for joined in (False, True))
    layers = plain["native_batch_norm"]
    assert layers == joined["norm_relu"] == joined["norm_relu_backward"] == 7
    gone = {"native_batch_norm", "native_batch_norm_backward", "relu_", "threshold_backward"}
    assert not gone & joined.keys()
    # Three sums are in the norms behind them; none of them is read past its norm.
    assert plain["add"] - joined["add"] == 3
    # The gradient of the last mean is copied into the order of memory that the kernels read.
    assert joined["clone"] - plain["clone"] == 1
    assert sum(plain.values()) - sum(joined.values()) == 2 * layers + 3 - 1
