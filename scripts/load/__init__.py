"""What a storage, a driver and its machine carry: many drivers, many trials, many workers.

    python -m scripts.load --small                  # every part in little, two or three minutes
    python -m scripts.load --kept FOLDER            # about an hour on two quiet cores
    python -m scripts.load --kept FOLDER --parts growth,night

Members train in no time, as the closed-form world of the tests has them, so that what is left is
the driver and the storage. Parts:

drivers   one driver, and eight at once on eight studies of one storage: SQLite, and PostgreSQL
same      eight drivers that want one study: one works, seven are told
growth    10,000 trials of one study: a trial's time, memory and the database as they grow
workers   up to 1,000 simulated workers, a few of them slow, 1 % of their members failing
night     2,000 trials in one process: memory, handles and files stay what they are

With `--kept` it goes on where it was stopped: the folder holds rows and storages.
"""
