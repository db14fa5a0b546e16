"""Deterministic methods of optimisation: each iteration uses the whole function."""
