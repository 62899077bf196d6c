"""Decisions of replayed studies: what is said at each budget, and whether it is true."""
