"""Ensembles of stored predictions, in numpy: averaging, scores, selection and cascades."""
