"""Solutions of equations as differentiable functions of their parameters."""
