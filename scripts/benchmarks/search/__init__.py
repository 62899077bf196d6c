"""`ensearch run` against a search that a competent person writes by hand."""
