"""Quadratic forms of each example alone, by copies of the parameters for every example."""
