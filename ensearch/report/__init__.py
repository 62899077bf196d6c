"""What a study found: collect it once, then write it as a table, files, a figure, a dashboard page.

Nothing here trains or computes a member's predictions; everything is read from the store.
"""
