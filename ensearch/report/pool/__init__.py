"""The fronts of a pool as text, table, figure and files."""
