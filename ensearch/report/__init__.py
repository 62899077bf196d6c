"""What a study found: collect it once, then write it as a table, files, a figure, a dashboard page.

`study`, `confirmation` and `pool` are the results of each, `page` is the page of a study for
browsers, and `dashboard` what is served beside Optuna's. Nothing here trains or computes a member's
predictions; everything is read from the store.
"""
