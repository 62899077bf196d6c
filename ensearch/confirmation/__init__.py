"""Confirming a study: the best configurations again, with fresh seeds, on the test split."""
