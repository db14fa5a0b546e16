"""Training in one call: the loop, what it measures on the way, its checkpoints and its result."""
