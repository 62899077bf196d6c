"""`python -m ensearch.cli` is the command `ensearch`."""

from ensearch.cli.app import main

main()
