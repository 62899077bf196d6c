"""`python -m ensearch` is the command `ensearch`."""

from ensearch.cli.entry import main

main()
