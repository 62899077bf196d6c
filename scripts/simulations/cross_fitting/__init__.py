"""How cross-fitted selection is reported, in pools whose true accuracies are known."""
