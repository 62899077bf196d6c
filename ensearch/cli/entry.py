"""Where the command `ensearch` begins, before anything is imported that takes time."""

import sys


def main() -> None:
    """Run the command; Ctrl-C while it still imports its parts is no error of the program."""
    try:
        from ensearch.cli.app import main as run

        run()
    except KeyboardInterrupt:
        print("interrupted; nothing was begun", file=sys.stderr)
        sys.exit(130)
