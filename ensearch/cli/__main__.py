"""`python -m ensearch.cli` is the command `ensearch`."""

from ensearch.cli.entry import main

main()
