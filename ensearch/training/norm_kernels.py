"""Kernels for CUDA of batch norm, a sum before or behind it and the ReLU; written in Triton.

PyTorch launches about eight kernels for a norm with its ReLU and their gradients, and two to four
for a sum; these are four in all. Tensors lie in channels_last memory: as rows of channels, one row
for each pixel of each image. The rows are cut into parts. One kernel reduces each part, the next
one begins by reducing the parts: sums are in the same order every time, and no atomics are needed.
`norms.py` launches them.

Variances are Welford's, of each part, put together by the formula of Chan, Golub and
LeVeque (1979).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# ruff: noqa: N803 - what is known when a kernel is compiled is in capitals

import triton
import triton.language as tl


@triton.jit
def _tile(first, last, channels, c, inside, ROWS: tl.constexpr):
    """Places of rows from `first` on, and which of them are before `last`."""
    r = first + tl.arange(0, ROWS)
    return r.to(tl.int64)[:, None] * channels + c[None, :], (r < last)[:, None] & inside[None, :]


@triton.jit
def _affine(weight, bias, centre, spread, c, inside):
    """Mean, inverse deviation, scale and shift of channels."""
    mean = tl.load(centre + c, mask=inside, other=0.0)
    inverse = tl.load(spread + c, mask=inside, other=0.0)
    scale = inverse * tl.load(weight + c, mask=inside, other=0.0)
    return mean, inverse, scale, tl.load(bias + c, mask=inside, other=0.0)


@triton.jit
def _masked(gradient, active, y, at, mask, BEHIND: tl.constexpr):
    """Gradients before the ReLU: of y or, with BEHIND, of y and what was added to it."""
    if BEHIND:
        y = tl.load(active + at, mask=mask, other=0.0).to(tl.float32)
    return tl.where(y <= 0.0, 0.0, tl.load(gradient + at, mask=mask, other=0.0).to(tl.float32))


@triton.jit
def _variance(means, squares, rows, per, parts, channels, c, inside, PARTS: tl.constexpr):
    """Mean and biased variance of channels, from means and squares of the parts."""
    p = tl.arange(0, PARTS)
    at, known = p[:, None] * channels + c[None, :], (p < parts)[:, None] & inside[None, :]
    count = tl.maximum(tl.minimum(rows - p * per, per), 0).to(tl.float32)[:, None]
    mean_of = tl.load(means + at, mask=known, other=0.0)
    mean = tl.sum(count * mean_of, axis=0) / rows
    off = mean_of - mean[None, :]
    square_of = tl.load(squares + at, mask=known, other=0.0)
    return mean, tl.sum(square_of + count * off * off, axis=0) / rows


@triton.jit(do_not_specialize=["rows", "per"])
def reduce(
    x,
    other,
    total,
    means,
    squares,
    rows,
    per,
    channels,
    ADD: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Mean and sum of squares about it of each part; with ADD of x + other, which is written."""
    part, c = tl.program_id(0), tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside, last = c < channels, tl.minimum(part * per + per, rows)
    count = tl.zeros([ROWS], dtype=tl.float32)
    mean = tl.zeros([ROWS, CHANNELS], dtype=tl.float32)
    square = tl.zeros([ROWS, CHANNELS], dtype=tl.float32)
    for first in range(part * per, last, ROWS):
        at, mask = _tile(first, last, channels, c, inside, ROWS)
        value = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
        if ADD:
            value += tl.load(other + at, mask=mask, other=0.0).to(tl.float32)
            rounded = value.to(total.dtype.element_ty)
            tl.store(total + at, rounded, mask=mask)
            value = rounded.to(tl.float32)
        count += (first + tl.arange(0, ROWS) < last).to(tl.float32)
        off = tl.where(mask, value - mean, 0.0)
        mean += off / tl.maximum(count, 1.0)[:, None]
        square += off * tl.where(mask, value - mean, 0.0)
    whole = tl.sum(count[:, None] * mean, axis=0) / tl.sum(count, axis=0)
    off = mean - whole[None, :]
    at = part * channels + c
    tl.store(means + at, whole, mask=inside)
    tl.store(squares + at, tl.sum(square + count[:, None] * off * off, axis=0), mask=inside)


@triton.jit(do_not_specialize=["rows", "per", "parts"])
def activate(
    total,
    behind,
    active,
    means,
    squares,
    weight,
    bias,
    running_mean,
    running_var,
    centre,
    spread,
    momentum,
    eps,
    rows,
    per,
    parts,
    channels,
    BEHIND: tl.constexpr,
    PARTS: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """ReLU of the normalised rows, with BEHIND of them + behind; the first part writes what was
    learned of the channels, too.
    """
    part, c = tl.program_id(0), tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside, last = c < channels, tl.minimum(part * per + per, rows)
    mean, var = _variance(means, squares, rows, per, parts, channels, c, inside, PARTS)
    inverse = 1.0 / tl.sqrt(var + eps)
    if part == 0:
        tl.store(centre + c, mean, mask=inside)
        tl.store(spread + c, inverse, mask=inside)
        before = tl.load(running_mean + c, mask=inside, other=0.0)
        tl.store(running_mean + c, (1.0 - momentum) * before + momentum * mean, mask=inside)
        unbiased = var * (rows / (rows - 1.0))
        before = tl.load(running_var + c, mask=inside, other=0.0)
        tl.store(running_var + c, (1.0 - momentum) * before + momentum * unbiased, mask=inside)
    scale = inverse * tl.load(weight + c, mask=inside, other=0.0)
    shift = tl.load(bias + c, mask=inside, other=0.0)
    for first in range(part * per, last, ROWS):
        at, mask = _tile(first, last, channels, c, inside, ROWS)
        value = tl.load(total + at, mask=mask, other=0.0).to(tl.float32)
        y = (value - mean[None, :]) * scale[None, :] + shift[None, :]
        if BEHIND:
            y += tl.load(behind + at, mask=mask, other=0.0).to(tl.float32)
        y = tl.where(y < 0.0, 0.0, y)  # what is no number stays none, as by PyTorch's ReLU
        tl.store(active + at, y.to(active.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["rows", "per"])
def reduce_gradients(
    gradient,
    active,
    total,
    weight,
    bias,
    centre,
    spread,
    sums,
    products,
    rows,
    per,
    channels,
    BEHIND: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Sums of each part: of the norm's gradients, and of them times the normalised rows."""
    part, c = tl.program_id(0), tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside, last = c < channels, tl.minimum(part * per + per, rows)
    mean, inverse, scale, shift = _affine(weight, bias, centre, spread, c, inside)
    of_gradients = tl.zeros([ROWS, CHANNELS], dtype=tl.float32)
    of_products = tl.zeros([ROWS, CHANNELS], dtype=tl.float32)
    for first in range(part * per, last, ROWS):
        at, mask = _tile(first, last, channels, c, inside, ROWS)
        off = tl.load(total + at, mask=mask, other=0.0).to(tl.float32) - mean[None, :]
        y = off * scale[None, :] + shift[None, :]
        g = _masked(gradient, active, y, at, mask, BEHIND)
        of_gradients += g
        of_products += g * (off * inverse[None, :])
    at = part * channels + c
    tl.store(sums + at, tl.sum(of_gradients, axis=0), mask=inside)
    tl.store(products + at, tl.sum(of_products, axis=0), mask=inside)


@triton.jit(do_not_specialize=["rows", "per", "parts"])
def propagate(
    gradient,
    more,
    active,
    total,
    weight,
    bias,
    centre,
    spread,
    sums,
    products,
    of_total,
    of_behind,
    of_weight,
    of_bias,
    rows,
    per,
    parts,
    channels,
    MORE: tl.constexpr,
    BEHIND: tl.constexpr,
    PARTS: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Gradients of the rows, with MORE plus those that reach them past the norm, and of behind."""
    part, c = tl.program_id(0), tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside, last = c < channels, tl.minimum(part * per + per, rows)
    p = tl.arange(0, PARTS)
    known = (p < parts)[:, None] & inside[None, :]
    of_part = p[:, None] * channels + c[None, :]
    of_gradients = tl.sum(tl.load(sums + of_part, mask=known, other=0.0), axis=0)
    of_products = tl.sum(tl.load(products + of_part, mask=known, other=0.0), axis=0)
    if part == 0:
        tl.store(of_weight + c, of_products, mask=inside)
        tl.store(of_bias + c, of_gradients, mask=inside)
    mean, inverse, scale, shift = _affine(weight, bias, centre, spread, c, inside)
    for first in range(part * per, last, ROWS):
        at, mask = _tile(first, last, channels, c, inside, ROWS)
        off = tl.load(total + at, mask=mask, other=0.0).to(tl.float32) - mean[None, :]
        y = off * scale[None, :] + shift[None, :]
        g = _masked(gradient, active, y, at, mask, BEHIND)
        if BEHIND:
            tl.store(of_behind + at, g.to(of_behind.dtype.element_ty), mask=mask)
        along = off * (inverse * of_products / rows)[None, :]
        result = scale[None, :] * (g - (of_gradients / rows)[None, :] - along)
        if MORE:
            result += tl.load(more + at, mask=mask, other=0.0).to(tl.float32)
        tl.store(of_total + at, result.to(of_total.dtype.element_ty), mask=mask)
