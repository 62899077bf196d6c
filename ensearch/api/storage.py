"""The addresses of storages without their passwords."""

from ensearch.store.server import redacted

__all__ = ["redacted"]
