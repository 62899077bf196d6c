"""How wide a table is."""

# Characters: tables are laid out for so many at least, and narrower terminals wrap whole lines,
# because numbers and names cannot be squeezed.
LEAST_WIDTH = 72
