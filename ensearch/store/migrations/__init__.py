"""Storages of earlier releases become storages of this one, step by step, when they are opened.

To change the tables: change `tables.py`, raise `tables.VERSION`, add a module `version_N` with a
function `upgrade(connection)` that turns the tables of version N - 1 into those of version N, and
enter it in `chain.STEPS`. A step holds the tables as they were then: it imports nothing of
`tables.py`, which goes on changing. Leases are read before the first step, as they were in version
3: where version N changes their table, `chain` must read that of the version which it finds.

A test compares the tables of a migrated storage with those of a new one; keep a small storage that
the earlier release wrote, as `tests/store/version_3.zip` is.
"""
