"""Networks by the short names that benchmarks take and print."""

from ensearch.core import Architecture


def architecture(name: str, resolution: int) -> Architecture:
    """Return the network DEPTH-WIDTH of wide_resnet, or FAMILY-DEPTH-WIDTH of any family.

    `@RESOLUTION` behind the name replaces `resolution`.
    """
    shape, _, side = name.partition("@")
    *family, depth, width = shape.split("-")
    return Architecture(
        family=family[0] if family else "wide_resnet",
        width=float(width),
        depth=float(depth),
        resolution=int(side or resolution),
    )
