"""Curvature while a net trains."""
