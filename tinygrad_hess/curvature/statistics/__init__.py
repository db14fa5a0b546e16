"""What curvature means for inference: information, posteriors, influence."""
