"""Traces, diagonals and norms from random probes."""
