"""Models that exist, trained here or elsewhere, and what can be combined from them untrained.

    from ensearch import pool

    for entry in pool.entries(storage="studies/ensearch.db"):
        print(entry.name, entry.accuracies["val"])

Nothing here is trained, and nothing is printed.
"""

from ensearch.pool.archive import Archive, export
from ensearch.pool.archive_import import Imported, import_archive
from ensearch.pool.description import EntryDescription, EntryDetails, entries, show
from ensearch.pool.image_file import ImageFile, write_images
from ensearch.pool.notes import OnNote
from ensearch.pool.removal import remove
from ensearch.pool.verification import Problem, Verification, verify

__all__ = [
    "Archive",
    "EntryDescription",
    "EntryDetails",
    "ImageFile",
    "Imported",
    "OnNote",
    "Problem",
    "Verification",
    "entries",
    "export",
    "import_archive",
    "remove",
    "show",
    "verify",
    "write_images",
]
