"""ensearch: for a FLOP budget, one bigger network or an ensemble of smaller ones?"""

__version__ = "0.1.0"
