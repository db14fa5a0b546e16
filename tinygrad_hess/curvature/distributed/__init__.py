"""Sums over data whose terms are computed by workers: threads, processes, other machines."""
