"""Tensors, the tape that they form, and how primitives are declared; imports no other room."""
