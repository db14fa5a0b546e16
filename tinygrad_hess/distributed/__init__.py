"""Work for workers: threads, processes, other machines; sums over data, and calls of a function."""
