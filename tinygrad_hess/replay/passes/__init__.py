"""Rewrites of a recorded program, each to one that computes the same with less."""
