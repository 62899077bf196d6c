"""What a study may try: families, widths, depths and sizes, and the ladder of costs."""
