"""per_example."""
