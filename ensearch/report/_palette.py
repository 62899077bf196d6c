"""The colours of all figures.

Blue and vermilion of Okabe and Ito: told apart in every common form of colour blindness. Shapes and
lines say the same again, for print without colours.
"""

SINGLE, ENSEMBLE = "#0072B2", "#D55E00"
MIXED, CASCADE = "#009E73", "#CC79A7"  # bluish green and reddish purple of the same two
INK, GREY, PALE = "#202124", "#5F6368", "#DADCE0"
