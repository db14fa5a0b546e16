"""Extreme eigenpairs by block Lanczos."""
