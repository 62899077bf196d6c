"""`best`: which configuration to take within a budget, and how sure that is."""

from ensearch.cli import options
from ensearch.cli.terminal import guarded, tell, tell_json


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
    if as_json:
        tell_json(answer.to_dict())
    else:
        tell(str(answer))
