"""Tensors, the tape that they form, and the rows that declare primitives: imports nothing above."""
