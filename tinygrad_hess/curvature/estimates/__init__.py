"""What every estimate is made with: results, budgets, probes, checkpoints."""
