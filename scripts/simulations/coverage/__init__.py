"""How often intervals and statuses of a front are right, in worlds whose accuracies are known."""
