"""`best`: which configuration to take within a budget, and how sure that is."""

import json

from ensearch.cli import options
from ensearch.cli.terminal import guarded, tell


@guarded
def best(
    study: options.Study,
    budget: options.WithinBudget = None,
    margin: options.Margin = None,
    x: options.OwnAxis = None,
    storage: options.Storage = None,
    as_json: options.AsJson = False,
) -> None:
    """Say which configuration to take within a budget, and how sure that is.

    Example: ensearch best digits-wide_resnet-2M --budget 1M
    """
    from ensearch.api import results

    answer = results.best(study, budget=budget, margin=margin, x=x, storage=storage)
    tell(json.dumps(answer.to_dict(), indent=2) if as_json else str(answer))
