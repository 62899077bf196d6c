"""The schedule of ensearch against published short recipes for CIFAR-10."""
