"""What the first fifteen minutes on a GPU must show, in order of value."""
