"""Names of folders for queries of the pool."""

import hashlib
import re

LONGEST = 80  # letters that are taken of a query


def query_name(query: str) -> str:
    """Return letters, digits and `._-` that name a folder for a query.

    Two queries that would be written alike, such as `a,!b` and `a,b`, are told apart by a digest.

    >>> query_name("study:digits")
    'study-digits'
    >>> query_name("all,!eff*")
    'all-eff-bf9a5abd'
    """
    name = re.sub("[^A-Za-z0-9._-]+", "-", query).strip("-.")
    if name and len(name) <= LONGEST and name == re.sub("[ :]", "-", query.strip()):
        return name
    digest = hashlib.sha256(query.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{name[:LONGEST]}-{digest}".lstrip("-")
