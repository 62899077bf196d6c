"""For a FLOP budget and a dataset: one bigger network, or an ensemble of smaller ones?

    import ensearch
    import rich

    results = ensearch.run(budget=2e6, dataset="digits")
    print(results.answer())  # which one to take, and how sure that is
    rich.print(results.table())  # both fronts by budget; also results.plot() and results.write()
    confirmed = ensearch.confirm(results.conditions.study)
    exported = ensearch.export(results.conditions.study)  # a folder that needs no ensearch

Verbs: `plan`, `run`, `resume`, `settle`, `results`, `best`, `studies`, `confirm`, `export`,
`load_exported`, `combine`, `add_model`, `import_predictions`, `count`, `measure_latency`,
`list_datasets`, `list_spaces`, `dashboard`, `compare`, `report_together`, `remove_study`,
`rename_study`, `copy_study`; the pool's own verbs are functions of `ensearch.pool`. Everything is
imported when it is first used, so that this costs nothing; torch and optuna come with the first
search.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ensearch.errors import (
    BudgetError,
    EnsearchError,
    StorageError,
    TrialsFailedError,
    UnavailableError,
    UnfinishedError,
    UsageError,
)

if TYPE_CHECKING:
    from ensearch.api.catalogue import list_datasets, list_spaces
    from ensearch.api.confirmation import confirm
    from ensearch.api.counting import count
    from ensearch.api.export import Exported, export, load_exported
    from ensearch.api.housekeeping import copy_study, remove_study, rename_study
    from ensearch.api.latency import measure_latency
    from ensearch.api.page import dashboard
    from ensearch.api.planning import plan
    from ensearch.api.pool import add_model, combine, import_predictions
    from ensearch.api.results import best, compare, report_together, results, studies
    from ensearch.api.search import resume, run
    from ensearch.api.settlement import settle
    from ensearch.budget import Budget
    from ensearch.core import (
        Architecture,
        Cost,
        Evaluation,
        Member,
        Schedule,
        Scores,
    )
    from ensearch.datasets import Dataset
    from ensearch.report.confirmation.results import Confirmed
    from ensearch.report.pool.fronts import PoolFronts
    from ensearch.report.study.answer import Answer
    from ensearch.report.study.results import Results
    from ensearch.search_space import SearchSpace
    from ensearch.store import Store

__version__ = "0.1.0"

# Where each name is defined that is imported when it is first used.
_HOMES = {
    "api.catalogue": ("list_datasets", "list_spaces"),
    "api.confirmation": ("confirm",),
    "api.counting": ("count",),
    "api.export": ("Exported", "export", "load_exported"),
    "api.housekeeping": ("copy_study", "remove_study", "rename_study"),
    "api.latency": ("measure_latency",),
    "api.page": ("dashboard",),
    "api.planning": ("plan",),
    "api.pool": ("add_model", "combine", "import_predictions"),
    "api.results": ("best", "compare", "report_together", "results", "studies"),
    "api.search": ("resume", "run"),
    "api.settlement": ("settle",),
    "budget": ("Budget",),
    "core": (
        "Architecture",
        "Cost",
        "Evaluation",
        "Member",
        "Schedule",
        "Scores",
    ),
    "datasets": ("Dataset",),
    "report.confirmation.results": ("Confirmed",),
    "report.pool.fronts": ("PoolFronts",),
    "report.study.answer": ("Answer",),
    "report.study.results": ("Results",),
    "search_space.space": ("SearchSpace",),
    "store": ("Store",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_PACKAGES = ("datasets", "families", "pool")  # reached as ensearch.pool without an import

__all__ = [
    "Answer",
    "Architecture",
    "Budget",
    "BudgetError",
    "Confirmed",
    "Cost",
    "Dataset",
    "EnsearchError",
    "Evaluation",
    "Exported",
    "Member",
    "PoolFronts",
    "Results",
    "Schedule",
    "Scores",
    "SearchSpace",
    "StorageError",
    "Store",
    "TrialsFailedError",
    "UnavailableError",
    "UnfinishedError",
    "UsageError",
    "add_model",
    "best",
    "combine",
    "compare",
    "confirm",
    "copy_study",
    "count",
    "dashboard",
    "export",
    "import_predictions",
    "list_datasets",
    "list_spaces",
    "load_exported",
    "measure_latency",
    "plan",
    "remove_study",
    "rename_study",
    "report_together",
    "results",
    "resume",
    "run",
    "settle",
    "studies",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"ensearch.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return importlib.import_module(f"ensearch.{name}")
    raise AttributeError(f"module 'ensearch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
