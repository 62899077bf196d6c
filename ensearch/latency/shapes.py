"""For how many channels a network was built, which a storage does not say."""

from ensearch import cost
from ensearch.core import Architecture, Cost
from ensearch.errors import StorageError

TRIED = (3, 1, 2, 4, 5, 6, 7, 8)  # colour and grey pictures first


def channels(architecture: Architecture, classes: int, of_member: Cost) -> int:
    """Return the channels with which a network of so many classes has this cost.

    Raises StorageError if there are none: then this version builds it otherwise.
    """
    for number in TRIED:
        if cost.count(architecture, number, classes) == of_member:
            return number
    raise StorageError(
        f"{architecture.key} with {classes} classes costs {of_member.macs:,} multiply-adds by the "
        "storage, and by this version of ensearch another number for any number of channels."
    )
