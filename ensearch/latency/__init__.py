"""How long a configuration takes for an image: measured, and looked up again.

`measurement` builds networks with random weights and times them (`timing`) by one of the
`runtimes`; these import torch. `times` says what was measured, and what follows from it for other
sizes. Members of an ensemble run one after another: its time is that of the whole configuration.
"""

from ensearch.latency.times import (
    RUNTIMES,
    Configuration,
    Network,
    Times,
    asked_for,
    chosen,
    disturbed,
    listed,
    measured_on,
    sets,
)

__all__ = [
    "RUNTIMES",
    "Configuration",
    "Network",
    "Times",
    "asked_for",
    "chosen",
    "disturbed",
    "listed",
    "measured_on",
    "sets",
]
