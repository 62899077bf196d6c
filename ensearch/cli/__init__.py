"""What the verbs do: library calls in order, and what is printed of them."""
