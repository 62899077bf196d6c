"""`spaces` and `datasets`: list what there is to choose from."""

from ensearch.cli import options
from ensearch.cli.terminal import guarded, tell, tell_json


@guarded
def spaces(as_json: options.AsJson = False) -> None:
    """List the search spaces that ship with ensearch.

    Example: ensearch spaces
    """
    from ensearch.api.catalogue import list_spaces

    _print(list_spaces(), as_json)


@guarded
def datasets(as_json: options.AsJson = False) -> None:
    """List the datasets that ship with ensearch, and how to name your own.

    Example: ensearch datasets
    """
    from ensearch.api.catalogue import list_datasets

    _print(list_datasets(), as_json)


def _print(summaries: dict[str, str], as_json: bool) -> None:
    if as_json:
        tell_json(summaries)
        return
    width = max(map(len, summaries))
    for name, summary in summaries.items():
        tell(f"{name:<{width}}  {summary}")
