"""What curvature means for a loss: sharpness, critical points, steps, landscapes."""
