"""Sparse Jacobians and Hessians: their pattern from the tape, colours, and a few products."""
