"""How a storage is named: its usual address, and addresses without their passwords."""

from ensearch.store import DEFAULT_URL, storage_url
from ensearch.store.server import redacted

__all__ = ["DEFAULT_URL", "redacted", "storage_url"]
