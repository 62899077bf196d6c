"""Faults done to running studies, and whether the studies come out as if nothing had been.

    python -m scripts.faults --short                      # each kind once, two to three minutes
    python -m scripts.faults --runs 200 --kept runs.jsonl # many; goes on where it was stopped

`kinds` has the faults, each a function that does it to a study; `site` runs the study in a process
of its own and says what is wrong afterwards; `wrappers` are put into that process before the study
begins: the package knows of none of this.
"""
