"""The library half of every verb, for scripts, for notebooks and for the command line.

`import ensearch` offers what lies here. Each module imports what is heavy when it is needed.
"""
