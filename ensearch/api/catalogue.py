"""What there is to choose from: datasets and search spaces."""


def list_datasets() -> dict[str, str]:
    """Return the names of the datasets, and what each is."""
    from ensearch import datasets

    return {name: datasets.get(name).SUMMARY for name in datasets.names()}


def list_spaces() -> dict[str, str]:
    """Return the names of the search spaces that ship with ensearch, and what each searches."""
    from ensearch.search_space import reading

    shipped = {name: reading.load(name).summary for name in reading.names()}
    return shipped | {f"{reading.TIMM}NAME,...": "models of the package timm by name"}
