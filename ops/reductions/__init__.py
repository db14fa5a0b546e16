"""Sums, extremes, norms, orders and running totals over axes, with masks and without NaN."""
