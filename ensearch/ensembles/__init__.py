"""Ensembles of stored predictions, in numpy: averaging, scores, selection and cascades.

`averaging` scores ensembles of members that share a network, and `extrapolation` predicts sizes
that were not trained. `selection` and `cascade_selection` search among members of any networks,
`cross_fitting` and `paired_differences` tell what their selections are worth on other images.
"""

from ensearch.ensembles.averaging import RULES
from ensearch.ensembles.candidates import KEPT_CLASSES, Candidates, MixedEnsemble, narrowed
from ensearch.ensembles.cascades import MEASURES, Cascade
from ensearch.ensembles.cross_fitting import CUTS, CrossFit, Predictor, Search
from ensearch.ensembles.paired_differences import HeldOutScores

__all__ = [
    "CUTS",
    "KEPT_CLASSES",
    "MEASURES",
    "RULES",
    "Candidates",
    "Cascade",
    "CrossFit",
    "HeldOutScores",
    "MixedEnsemble",
    "Predictor",
    "Search",
    "narrowed",
]
