"""The command line: one module a verb, each parses, makes one call of the library and prints.

Signals, progress bars and the terminal are dealt with here and nowhere else.
"""
