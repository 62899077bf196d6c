"""The learning rate: up in a straight line, then down to zero in a straight line."""


def learning_rate(step: int, steps: int, warmup: float, peak: float) -> float:
    """Learning rate of step `step` = 0, ..., steps - 1, always in (0, peak].

    Rises over the first round(warmup x steps) steps, the last of which has the peak, then falls so
    that the step after the last one would have zero: no step is wasted on a rate of zero.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * ((step + 1) / rising)
    return peak * ((steps - step) / (steps - rising))
