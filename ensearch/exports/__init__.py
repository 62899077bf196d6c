"""What a study recommends as a model that needs no ensearch: a folder that is shown to be right.

`winner` says which members are exported, `folder` writes their files, and `verification` runs them
in a process of their own against the stored predictions before the folder has its name. `_model`
and `_predict` are parts of the files that it writes: `source` copies them, with the code of the
family that builds the networks.
"""
