"""Simulations with known answers, behind the statistics and the search of ensearch."""
