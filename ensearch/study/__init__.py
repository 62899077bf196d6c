"""A study: what it is, what it is about to do, its search, and what is trained after that.

`config` is what its results depend on, and `plan` what is said before the first training. `search`
puts together the `driver`, which asks the `sampler` for trials, has `members` trained and their
ensembles evaluated (`scoring`). `settlement` trains more members to decide what is undecided.
"""
