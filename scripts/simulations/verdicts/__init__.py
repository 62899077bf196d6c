"""How often verdicts are wrong, in worlds whose accuracies are known, made without training."""
