"""The page of a study: index.html, one file that works offline.

`data` makes everything that it shows, `drawings` draws its figures, `html` puts both into the
templates beside it. What a study contains stays text: templates escape it, and the page allows no
other script than its own.
"""
