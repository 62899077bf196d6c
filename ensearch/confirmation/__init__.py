"""Confirming a study: the best configurations again, with fresh seeds, on the test split.

`deciding` makes the `plan` of the `finalists`, and `run` trains and scores their members (`work`),
with a network that learns from the ensemble where that is asked for (`distillation`). A
confirmation may look at test several times (`settling`). `conclusion` says what it means for the
search.
"""
