"""The results of a study: computed first, then written as text, table, figure and files."""
