"""One drawn pool in which single networks, ensembles and cascades are selected and reported."""

from functools import partial

import numpy as np

from ensearch.ensembles import cascade_selection, cross_fitting, paired_differences, selection
from ensearch.ensembles.cross_fitting import Search, apply
from ensearch.pool import results
from scripts.simulations.cross_fitting.drawn_pool import DrawnPool

BUDGET = 6e6  # six of the cheapest members, or one of the most expensive
BUDGETS = [BUDGET / 2, BUDGET]
MANY = 20_000  # images that tell the truth, to 0.35 points; the same for all that is compared
SEARCHES: dict[str, Search] = {
    "single": selection.single_networks,
    "same architecture": partial(selection.same_network, tries=500),
    "mixed": partial(selection.best_of_many, tries=500),
    "cascade": partial(cascade_selection.search, orders=100, max_stages=2, levels=16),
}
PAIRS = (("same architecture", "mixed"), ("single", "mixed"), ("single", "cascade"))


def over_cuts(images: int, seed: int, cuts: int, noise: float) -> dict[str, list[float]]:
    """Return estimate, truth and two half widths at BUDGET, by search and pair of searches.

    The first half width is that of the replicates; the second takes what was selected as given:
    its standard error is that of the images' hits, or of their pairs.
    """
    pool = DrawnPool(seed, network=noise)
    candidates, labels = pool.draw(images, 2 * seed)
    truth = pool.draw(MANY, 2 * seed + 1)
    hits, true, judged = {}, {}, {}
    for name, search in SEARCHES.items():
        cross_fit = cross_fitting.cross_fit(
            search, candidates, labels, BUDGETS, cuts=cuts, seed=seed
        )
        choice = cross_fit.selected[-1]
        assert choice is not None
        hits[name], true[name] = cross_fit.hits[-1], apply(choice, *truth).accuracy
        judged[name] = paired_differences.by_other_half(cross_fit)
    rows = {}
    for name, scored in hits.items():
        low, high = results.wilson(float(scored.mean()), images)
        half = 1.96 * float(judged[name].replicates[:, -1].std(ddof=1))
        rows[name] = [float(scored.mean()), true[name], half, (high - low) / 2]
    for a, b in PAIRS:
        (lead,) = paired_differences.leads([((judged[a], 1), (judged[b], 1))])
        assert lead is not None
        alone = 1.96 * float((hits[b] - hits[a]).std()) / np.sqrt(images)
        half = (lead.high - lead.low) / 2
        rows[f"{b} less {a}"] = [lead.value, true[b] - true[a], half, alone]
    return rows


def held_at_once(images: int, seed: int, noise: float) -> list[bool]:
    """Return whether all differences to single networks lie in a band, and in intervals alone."""
    pool = DrawnPool(seed, network=noise)
    candidates, labels = pool.draw(images, 2 * seed)
    truth = pool.draw(MANY, 2 * seed + 1)
    judged, true = {}, {}
    for name, search in SEARCHES.items():
        cross_fit = cross_fitting.cross_fit(search, candidates, labels, BUDGETS, seed=seed)
        judged[name] = paired_differences.by_other_half(cross_fit)
        true[name] = [apply(choice, *truth).accuracy for choice in cross_fit.selected if choice]
    places = [(name, k) for name in list(SEARCHES)[1:] for k in range(len(BUDGETS))]
    pairs = [((judged["single"], k), (judged[name], k)) for name, k in places]
    return [
        all(
            lead.low <= true[name][k] - true["single"][k] <= lead.high
            for (name, k), lead in zip(places, leads, strict=True)
            if lead is not None
        )
        for leads in (
            paired_differences.leads(pairs),
            [paired_differences.leads([pair])[0] for pair in pairs],
        )
    ]
