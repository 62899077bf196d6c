"""Search strategies replayed on a table of networks that were really trained."""
